import { parseYaml, type SourceDocument } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { isMap } from './fields.ts';

export interface ImageEntry {
  readonly name: string;
  readonly newName?: string;
  readonly newTag?: string;
  readonly digest?: string;
  readonly tagSuffix?: string;
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
  readonly options?: { readonly allowNameChange?: boolean; readonly allowKindChange?: boolean };
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

export interface ReplacementOptions {
  readonly delimiter?: string;
  readonly index?: number;
  readonly create?: boolean;
}

export interface Replacement {
  readonly source: Target & { readonly fieldPath?: string; readonly options?: ReplacementOptions };
  readonly targets: readonly {
    readonly select: Target;
    readonly reject?: readonly Target[];
    readonly fieldPaths?: readonly string[];
    readonly options?: ReplacementOptions;
  }[];
}

export interface Kustomization {
  readonly replacements?: readonly (Replacement | { readonly path: string })[];
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

type Shape = 'text' | 'texts' | 'map' | 'any' | readonly string[];

const targetKeys = ['group', 'version', 'kind', 'name', 'namespace', 'labelSelector', 'annotationSelector'];
const patchKeys = ['path', 'patch', 'target', 'options'];
const generatorKeys = [
  'name',
  'namespace',
  'files',
  'literals',
  'envs',
  'env',
  'type',
  'behavior',
  'options',
];
const optionKeys = ['disableNameSuffixHash', 'immutable', 'labels', 'annotations'];

/** What stands below a key: texts, or a list of objects with these keys. */
const shapes: Readonly<Record<string, Shape>> = {
  resources: 'texts',
  bases: 'texts',
  components: 'texts',
  patchesStrategicMerge: 'texts',
  buildMetadata: 'texts',
  namespace: 'text',
  namePrefix: 'text',
  nameSuffix: 'text',
  commonLabels: 'map',
  commonAnnotations: 'map',
  images: ['name', 'newName', 'newTag', 'digest', 'tagSuffix'],
  replicas: ['name', 'count'],
  labels: ['pairs', 'includeSelectors', 'includeTemplates'],
  patches: patchKeys,
  patchesJson6902: patchKeys,
  configMapGenerator: generatorKeys,
  secretGenerator: generatorKeys,
  replacements: ['source', 'targets', 'path'],
};

/** Keys of what stands in a list's objects. */
const inner: Readonly<Record<string, readonly string[]>> = {
  'patches.target': targetKeys,
  'patchesJson6902.target': targetKeys,
  'patches.options': ['allowNameChange', 'allowKindChange'],
  'configMapGenerator.options': optionKeys,
  'secretGenerator.options': optionKeys,
};

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
  'replacements',
  'buildMetadata',
  'sortOptions',
]);
const notSupported = new Set([
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
    checkValue(document!, key, value[key]);
  }
  const { bases, resources, ...rest } = value as { bases?: string[]; resources?: string[] };
  return { ...rest, resources: [...(resources ?? []), ...(bases ?? [])] } as Kustomization;
}

/** @throws `Invalid` at what is not as it must be: a key that is misspelt would else have no effect, and nobody would know */
function checkValue(document: SourceDocument, key: string, value: unknown): void {
  const shape = shapes[key];
  if (shape === undefined || value === null || value === undefined) return;
  if (shape === 'text') expectText(document, [key], value);
  else if (shape === 'map') {
    if (!isMap(value)) throw unexpected(document, [key], 'a map of texts');
    for (const [name, item] of Object.entries(value)) expectText(document, [key, name], item);
  } else if (!Array.isArray(value)) throw unexpected(document, [key], 'a list');
  else if (shape === 'texts')
    for (const [index, item] of value.entries()) expectText(document, [key, index], item);
  else
    for (const [index, item] of value.entries())
      checkItem(document, { key, index, keys: shape as readonly string[] }, item);
}

type Path = readonly (string | number)[];

const unexpected = (document: SourceDocument, path: Path, expected: string) =>
  invalid(`${path.join('.')}: expected ${expected}`, { location: document.locate(path) });

function expectText(document: SourceDocument, path: Path, value: unknown): void {
  if (typeof value === 'string') return;
  const isScalar = typeof value === 'number' || typeof value === 'boolean';
  throw unexpected(document, path, isScalar ? 'a text (put it in quotes)' : 'a text');
}

function checkItem(
  document: SourceDocument,
  { key, index, keys }: { key: string; index: number; keys: readonly string[] },
  item: unknown,
): void {
  if (!isMap(item)) throw unexpected(document, [key, index], 'a map of keys');
  const check = (
    map: Record<string, unknown>,
    allowed: readonly string[],
    path: readonly (string | number)[],
  ) => {
    for (const name of Object.keys(map))
      if (!allowed.includes(name))
        throw invalid(`unknown key "${name}" in ${path.join('.')}`, {
          location: document.locateKey([...path, name]),
          hint: `known here: ${allowed.join(', ')}`,
        });
  };
  check(item, keys, [key, index]);
  for (const [name, value] of Object.entries(item)) {
    const allowed = inner[`${key}.${name}`];
    if (allowed && isMap(value)) check(value, allowed, [key, index, name]);
  }
  if (key === 'replacements' && item.path === undefined) checkReplacement(document, [key, index], item);
}

const replacementOptions = ['delimiter', 'index', 'create'];

/** @throws `Invalid` where a replacement is not as it must be */
export function checkReplacement(
  document: SourceDocument,
  path: readonly (string | number)[],
  item: unknown,
): void {
  const fail = (what: string, where: readonly (string | number)[]): never => {
    throw invalid(`${where.join('.') || 'a replacement'}: ${what}`, { location: document.locate(path) });
  };
  const check = (value: unknown, allowed: readonly string[], where: readonly (string | number)[]) => {
    if (!isMap(value)) return fail('expected a map of keys', where);
    const unknown = Object.keys(value).find((key) => !allowed.includes(key));
    return unknown === undefined ? value : fail(`unknown key "${unknown}"`, where);
  };
  const listOf = (value: unknown, where: readonly (string | number)[]): readonly unknown[] =>
    Array.isArray(value) ? value : fail('expected a list', where);
  const replacement = check(item, ['source', 'targets'], path);
  const source = check(replacement.source, [...targetKeys, 'fieldPath', 'options'], [...path, 'source']);
  if (source.options !== undefined) check(source.options, replacementOptions, [...path, 'source', 'options']);
  for (const [index, one] of listOf(replacement.targets, [...path, 'targets']).entries()) {
    const where = [...path, 'targets', index];
    const target = check(one, ['select', 'reject', 'fieldPaths', 'options'], where);
    check(target.select, targetKeys, [...where, 'select']);
    for (const reject of listOf(target.reject ?? [], [...where, 'reject']))
      check(reject, targetKeys, [...where, 'reject']);
    for (const field of listOf(target.fieldPaths ?? [], [...where, 'fieldPaths']))
      if (typeof field !== 'string') fail('expected texts', [...where, 'fieldPaths']);
    if (target.options !== undefined) check(target.options, replacementOptions, [...where, 'options']);
  }
}
