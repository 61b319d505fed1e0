export { isAlive } from './alive.ts';
export { freedBy } from './freed-by.ts';
export { LineSplitter } from './line-splitter.ts';
export * from './named-pipes.ts';
export * from './piped.ts';
export { removeTree } from './remove-tree.ts';
export * from './run.ts';
export { type Spawned, Spawner, type SpawnOptions, spawner } from './spawner.ts';
export {
  type CommandStart,
  type StartCommand,
  type StartedCommand,
  signalGroup,
  signalProcessGroup,
} from './start-command.ts';
export { syncTree } from './sync-tree.ts';
