import { parseYaml, type SourceDocument } from '@tagboat/api';
import { invalid } from '@tagboat/base';

export interface ImageEntry {
  readonly name: string;
  readonly newName?: string;
  readonly newTag?: string;
  readonly digest?: string;
}

export interface Target {
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly annotationSelector?: string;
}

export interface PatchEntry {
  readonly path?: string;
  readonly patch?: string;
  readonly target?: Target;
}

export interface GeneratorArgs {
  readonly name: string;
  readonly namespace?: string;
  readonly files?: readonly string[];
  readonly literals?: readonly string[];
  readonly envs?: readonly string[];
  readonly env?: string;
  readonly type?: string;
  readonly behavior?: 'create' | 'replace' | 'merge';
  readonly options?: GeneratorOptions;
}

export interface GeneratorOptions {
  readonly disableNameSuffixHash?: boolean;
  readonly immutable?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Kustomization {
  readonly resources?: readonly string[];
  readonly components?: readonly string[];
  readonly namespace?: string;
  readonly namePrefix?: string;
  readonly nameSuffix?: string;
  readonly labels?: readonly {
    pairs: Record<string, string>;
    includeSelectors?: boolean;
    includeTemplates?: boolean;
  }[];
  readonly commonLabels?: Readonly<Record<string, string>>;
  readonly commonAnnotations?: Readonly<Record<string, string>>;
  readonly images?: readonly ImageEntry[];
  readonly replicas?: readonly { name: string; count: number }[];
  readonly patches?: readonly PatchEntry[];
  readonly patchesStrategicMerge?: readonly string[];
  readonly patchesJson6902?: readonly PatchEntry[];
  readonly configMapGenerator?: readonly GeneratorArgs[];
  readonly secretGenerator?: readonly GeneratorArgs[];
  readonly generatorOptions?: GeneratorOptions;
}

export const kustomizationFiles = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

const known = new Set([
  'apiVersion',
  'kind',
  'metadata',
  'resources',
  'bases',
  'components',
  'namespace',
  'namePrefix',
  'nameSuffix',
  'labels',
  'commonLabels',
  'commonAnnotations',
  'images',
  'replicas',
  'patches',
  'patchesStrategicMerge',
  'patchesJson6902',
  'configMapGenerator',
  'secretGenerator',
  'generatorOptions',
  'buildMetadata',
  'sortOptions',
]);
const notSupported = new Set([
  'replacements',
  'vars',
  'crds',
  'generators',
  'transformers',
  'validators',
  'helmCharts',
  'helmGlobals',
  'openapi',
  'configurations',
  'helmChartInflationGenerator',
]);

/** Reads a kustomization file. @throws `Invalid` with file:line:column for a key that is unknown or not supported */
export function readKustomization(text: string, file: string): Kustomization {
  const document: SourceDocument | undefined = parseYaml(text, file)[0];
  const value = (document?.value ?? {}) as Record<string, unknown>;
  if (document && (typeof value !== 'object' || Array.isArray(value)))
    throw invalid('expected a Kustomization, found something else', { location: document.locate([]) });
  for (const key of Object.keys(value)) {
    const location = document!.locate([key]);
    if (notSupported.has(key)) throw invalid(`"${key}" is not supported by this renderer`, { location });
    if (!known.has(key)) throw invalid(`unknown key "${key}" in a Kustomization`, { location });
  }
  const { bases, resources, ...rest } = value as { bases?: string[]; resources?: string[] };
  return { ...rest, resources: [...(resources ?? []), ...(bases ?? [])] } as Kustomization;
}
