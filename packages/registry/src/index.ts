export { BlobStore } from './blob-store.ts';
export { type Collected, type CollectOptions, collectUnused, digestPattern, digestsIn } from './collect.ts';
export {
  describeRepository,
  type LayerDescription,
  listRepositories,
  type ManifestDescription,
  type RepositorySummary,
} from './listing.ts';
export { type RegistryOptions, registryPlugin } from './plugin.ts';
