export { LineSplitter } from './line-splitter.ts';
export * from './run.ts';
export { type Spawned, Spawner, type SpawnOptions, spawner } from './spawner.ts';
