export * from './core.ts';
export * from './kinds.ts';
export * from './notebook.ts';
export * from './object.ts';
export type * from './pod-access.ts';
export * from './selector.ts';
export * from './tagboat.ts';
export * from './tekton.ts';
export * from './yaml.ts';
