import { basename } from 'node:path';
import type { KubernetesObject } from '@tagboat/api';
import { invalid, notFound } from '@tagboat/base';
import { type Entry, entryOf } from './entry.ts';
import type { GeneratorArgs, GeneratorOptions, Kustomization } from './kustomization.ts';
import type { SourceTree } from './source-tree.ts';

type Value = readonly [key: string, bytes: Buffer];

/** Adds the ConfigMaps and Secrets that a kustomization generates, or changes those that are there. */
export async function generate(
  kustomization: Kustomization,
  { tree, directory, entries }: { tree: SourceTree; directory: string; entries: Entry[] },
): Promise<void> {
  const generators = [
    ...(kustomization.configMapGenerator ?? []).map((args) => ({ kind: 'ConfigMap', args })),
    ...(kustomization.secretGenerator ?? []).map((args) => ({ kind: 'Secret', args })),
  ];
  for (const { kind, args } of generators) {
    const options = mergeOptions(kustomization.generatorOptions, args.options);
    const values = await valuesOf(args, tree, directory);
    const object = generatedObject(kind, values, { args, options });
    const hashed = !options.disableNameSuffixHash;
    const before = entries.find((entry) => isMeant(entry.object, kind, args) && entry.names.has(args.name));
    if (args.behavior !== 'merge' && args.behavior !== 'replace') {
      if (before)
        throw invalid(`${kind} "${args.name}" is there already`, {
          hint: 'to change it, give its generator behavior: merge or replace',
        });
      entries.push({ ...entryOf(object), hashed });
    } else if (!before)
      throw notFound(`${kind} "${args.name}" is to be changed by a generator, but does not exist`);
    else {
      before.object = changed(before.object, object, args.behavior);
      before.hashed = hashed && before.hashed === true;
    }
  }
}

const isMeant = (object: KubernetesObject, kind: string, { namespace }: GeneratorArgs) =>
  object.kind === kind && (namespace === undefined || object.metadata.namespace === namespace);

/** An object keeps its name and what describes it, and gets the generator's type; `replace`: its data alone. */
function changed(
  before: KubernetesObject,
  generated: KubernetesObject,
  behavior: 'merge' | 'replace',
): KubernetesObject {
  const texts = (name: 'labels' | 'annotations') => {
    const both = { ...before.metadata[name], ...generated.metadata[name] };
    return Object.keys(both).length > 0 ? { [name]: both } : {};
  };
  const { name, namespace } = before.metadata;
  const metadata = { name, ...(namespace ? { namespace } : {}), ...texts('labels'), ...texts('annotations') };
  const data = (field: 'data' | 'binaryData') => {
    const [old, own] = [before, generated].map(
      (object) => (object as unknown as Record<string, object>)[field],
    );
    return old && behavior === 'merge' ? { [field]: { ...old, ...own } } : {};
  };
  return { ...generated, ...data('data'), ...data('binaryData'), metadata } as KubernetesObject;
}

async function valuesOf(args: GeneratorArgs, tree: SourceTree, directory: string): Promise<Value[]> {
  const values: Value[] = [];
  for (const entry of args.files ?? []) {
    const [key, path] = entry.includes('=') ? pairOf(entry) : [basename(entry), entry];
    values.push([key, (await tree.read(directory, path)).bytes]);
  }
  for (const literal of args.literals ?? []) {
    const [key, value] = pairOf(literal);
    if (key === '') throw invalid(`expected key=value in a literal of ${args.name}, found "${literal}"`);
    values.push([key, Buffer.from(value.replace(/^(["'])(.*)\1$/s, '$2'))]);
  }
  for (const path of [...(args.envs ?? []), ...(args.env ? [args.env] : [])]) {
    const { bytes } = await tree.read(directory, path);
    values.push(...variablesIn(bytes.toString('utf8')));
  }
  return values;
}

/** `key=value` lines. */
function variablesIn(text: string): Value[] {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    // Elsewhere a key alone takes a variable of whoever renders; here nobody's environment is the repository's.
    const [key, value] = line.includes('=') ? pairOf(line) : [line, ''];
    return [key, Buffer.from(value)];
  });
}

/** Splits at the first `=`; the key is empty where there is none. */
function pairOf(text: string): [key: string, value: string] {
  const index = Math.max(0, text.indexOf('='));
  return [text.slice(0, index), text.slice(index + 1)];
}

function generatedObject(
  kind: string,
  values: readonly Value[],
  { args, options }: { args: GeneratorArgs; options: GeneratorOptions },
): KubernetesObject {
  const { name, namespace } = args;
  const { labels, annotations } = options;
  const content = kind === 'Secret' ? secretContent(values, args.type) : configMapContent(values);
  return {
    apiVersion: 'v1',
    kind,
    metadata: {
      name,
      ...(namespace ? { namespace } : {}),
      ...(labels ? { labels: { ...labels } } : {}),
      ...(annotations ? { annotations: { ...annotations } } : {}),
    },
    ...content,
    ...(options.immutable ? { immutable: true } : {}),
  } as KubernetesObject;
}

function secretContent(values: readonly Value[], type = 'Opaque'): object {
  return { type, ...mapOf('data', values, 'base64') };
}

function configMapContent(values: readonly Value[]): object {
  const isText = ([, bytes]: Value) => bytes.equals(Buffer.from(bytes.toString('utf8')));
  const binary = values.filter((value) => !isText(value));
  return { ...mapOf('data', values.filter(isText), 'utf8'), ...mapOf('binaryData', binary, 'base64') };
}

/** One field of a map, or none where there are no values. */
function mapOf(field: string, values: readonly Value[], encoding: 'utf8' | 'base64'): object {
  if (values.length === 0) return {};
  return { [field]: Object.fromEntries(values.map(([key, bytes]) => [key, bytes.toString(encoding)])) };
}

function mergeOptions(common: GeneratorOptions = {}, own: GeneratorOptions = {}): GeneratorOptions {
  return {
    ...common,
    ...own,
    ...(common.labels || own.labels ? { labels: { ...common.labels, ...own.labels } } : {}),
    ...(common.annotations || own.annotations
      ? { annotations: { ...common.annotations, ...own.annotations } }
      : {}),
  };
}
