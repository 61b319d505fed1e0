export * from './deployment.ts';
export * from './globs.ts';
export * from './model-file.ts';
export * from './model-spec.ts';
export * from './pipeline.ts';
export * from './run-labels.ts';
export * from './tasks.ts';
export * from './versions.ts';
