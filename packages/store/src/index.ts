export { type DiskStoreOptions, openDiskStore } from './disk-store.ts';
export * from './mutate.ts';
export { ObjectStore, type ObjectStoreOptions } from './object-store.ts';
export * from './types.ts';
