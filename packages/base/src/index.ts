export * from './clock.ts';
export * from './digest.ts';
export * from './duration.ts';
export * from './errors.ts';
export * from './files.ts';
export * from './histogram.ts';
export * from './log.ts';
export * from './names.ts';
