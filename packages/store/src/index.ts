export { type DiskStoreOptions, openDiskStore } from './disk-store.ts';
export * from './mutate.ts';
export { ObjectStore, type ObjectStoreOptions } from './object-store.ts';
export { deepFreeze, jsonEquals } from './prepare.ts';
export { eventFor, isSelective, matches, parseRevision } from './select.ts';
export * from './types.ts';
export type { Change, Sink } from './watch.ts';
