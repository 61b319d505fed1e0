export { type Kustomization, kustomizationFiles, readKustomization } from './kustomization.ts';
export { renderKustomization } from './render.ts';
export { strategicMergePatch } from './strategic-merge.ts';
export { contentHash } from './transform.ts';
