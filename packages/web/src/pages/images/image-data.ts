import type { Experiment, KubernetesObject } from '@tagboat/api';

export interface Layer {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly title?: string;
  readonly createdBy?: string;
}

/** One manifest as `/tagboat/images` tells it. */
export interface Manifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly tags: readonly string[];
  readonly size: number;
  readonly pushed: string;
  readonly layers: readonly Layer[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly platform?: string;
  readonly subject?: string;
}

export interface RepositorySummary {
  readonly name: string;
  readonly tags: number;
  readonly manifests: number;
}

/** What a manifest is, for people. */
export function kindOf({ artifactType, mediaType }: Manifest): string {
  const known: Readonly<Record<string, string>> = {
    'application/vnd.tagboat.model.v1': 'Model',
    'application/vnd.tagboat.notebooks.v1': 'Executed notebooks',
    'application/vnd.tagboat.step.v1': 'Step, kept for reuse',
    'application/vnd.tagboat.data.v1': 'Data',
  };
  if (artifactType) return known[artifactType] ?? artifactType;
  return mediaType.includes('index') || mediaType.includes('list') ? 'Image for several platforms' : 'Image';
}

export interface ComparedLayer extends Layer {
  /** Not in the image that was pushed before. */
  readonly isNew: boolean;
  /** Of the whole image, from 0 to 1. */
  readonly share: number;
}

/** The layers of an image beside those of the one before it. Pure. */
export function compareLayers(manifest: Manifest, before: Manifest | undefined): ComparedLayer[] {
  const known = new Set(before?.layers.map(({ digest }) => digest));
  const total = Math.max(
    1,
    manifest.layers.reduce((sum, { size }) => sum + size, 0),
  );
  return manifest.layers.map((layer) => ({
    ...layer,
    isNew: before !== undefined && !known.has(layer.digest),
    share: layer.size / total,
  }));
}

/** Bytes that a host which has the image before must fetch. */
export const newBytes = (layers: readonly ComparedLayer[]) =>
  layers.filter(({ isNew }) => isNew).reduce((sum, { size }) => sum + size, 0);

export interface Use {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** What runs an image, by its digest anywhere in its specification. Pure. */
export function usesOf(digest: string, objects: readonly KubernetesObject[]): Use[] {
  return objects
    .filter(({ spec, metadata }) => JSON.stringify([spec, metadata.annotations ?? {}]).includes(digest))
    .map(({ kind, metadata }) => ({ kind, namespace: metadata.namespace ?? '', name: metadata.name }));
}

/** The experiments that made a digest: an image, a model, an executed notebook. Pure. */
export function madeBy(digest: string, experiments: readonly Experiment[]): Experiment[] {
  return experiments.filter(
    ({ spec }) =>
      spec &&
      [spec.imageDigest, spec.modelDigest, spec.notebook, ...Object.values(spec.data)].includes(digest),
  );
}

/** Commands that fetch a manifest. */
export function pullCommands(manifest: Manifest, reference: string): string[] {
  if (manifest.artifactType)
    return [
      `oras pull --plain-http ${reference}`,
      `skopeo copy --src-tls-verify=false docker://${reference} oci:artifact`,
    ];
  return [
    `docker pull ${reference}`,
    `podman pull --tls-verify=false ${reference}`,
    `skopeo inspect --tls-verify=false docker://${reference}`,
  ];
}
