export { BlobStore } from './blob-store.ts';
export { type RegistryOptions, registryPlugin } from './plugin.ts';
