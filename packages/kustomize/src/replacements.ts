import { type KubernetesObject, parseYaml } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import type { Entry } from './entry.ts';
import { isMap } from './fields.ts';
import type { Kustomization, Replacement, ReplacementOptions, Target } from './kustomization.ts';
import { checkReplacement } from './kustomization.ts';
import type { SourceTree } from './source-tree.ts';
import { matchesTarget } from './target.ts';

/** Copies fields of objects into fields of others, as `replacements` says. */
export async function replaceAll(
  { replacements = [] }: Kustomization,
  { tree, directory, entries }: { tree: SourceTree; directory: string; entries: readonly Entry[] },
): Promise<void> {
  for (const entry of replacements)
    for (const one of await read(entry, tree, directory)) replace(one, entries);
}

async function read(
  entry: Replacement | { readonly path: string },
  tree: SourceTree,
  directory: string,
): Promise<Replacement[]> {
  if (!('path' in entry)) return [entry];
  const { name, bytes } = await tree.read(directory, entry.path);
  return parseYaml(bytes.toString('utf8'), name).flatMap((document) => {
    const list = Array.isArray(document.value) ? document.value : [document.value];
    for (const [index, item] of list.entries())
      checkReplacement(document, Array.isArray(document.value) ? [index] : [], item);
    return list as Replacement[];
  });
}

function replace({ source, targets }: Replacement, entries: readonly Entry[]): void {
  const value = sourceValue(source, entries);
  for (const { select, reject = [], fieldPaths = ['metadata.name'], options = {} } of targets)
    for (const entry of entries) {
      if (!matchesTarget(entry, select) || reject.some((one) => matchesTarget(entry, one))) continue;
      for (const path of fieldPaths) put(entry, path, { value, options });
    }
}

function sourceValue(source: Replacement['source'], entries: readonly Entry[]): unknown {
  const { fieldPath = 'metadata.name', options = {} } = source;
  const found = entries.filter((entry) => isThat(entry, source));
  const who = describe(source);
  if (found.length !== 1)
    throw invalid(
      `replacements: expected one source ${who}, found ${found.length === 0 ? 'none' : found.length}`,
    );
  const whole = at(found[0]!.object, partsOf(fieldPath));
  if (whole === undefined) throw invalid(`replacements: the source ${who} has no field ${fieldPath}`);
  if (!options.delimiter) return whole;
  const part = String(whole).split(options.delimiter)[options.index ?? 0];
  if (part === undefined) throw invalid(`replacements: ${fieldPath} of ${who} has no part ${options.index}`);
  return part;
}

function put(
  entry: Entry,
  path: string,
  { value, options }: { value: unknown; options: ReplacementOptions },
): void {
  const putting = new Putting(value, options);
  entry.object = putting.into(entry.object, partsOf(path)) as KubernetesObject;
  const { kind, metadata } = entry.object;
  if (!putting.done)
    throw invalid(`replacements: ${kind} ${metadata.name} has no field ${path}`, {
      hint: 'with options.create it is made',
    });
  entry.names.add(metadata.name);
}

/** A source is meant literally. */
function isThat({ object, names }: Entry, { group, version, kind, name, namespace }: Target): boolean {
  const [ownVersion, ownGroup = ''] = object.apiVersion.split('/').reverse();
  const same = (wanted: string | undefined, found: string) => !wanted || wanted === found;
  return (
    same(group, ownGroup) &&
    same(version, ownVersion!) &&
    same(kind, object.kind) &&
    (!name || names.has(name)) &&
    same(namespace, object.metadata.namespace ?? '')
  );
}

const describe = ({ kind = '', name = '' }: Target) => `${kind} "${name}"`;

/** The parts of `a.b.[name=x].c`; a dot after a backslash or in brackets is none. */
function partsOf(path: string): string[] {
  const parts = path.match(/(?:\\.|\[[^\]]*\]|[^.\\])+/g) ?? [];
  return parts.map((part) => part.replaceAll('\\.', '.'));
}

/** Which items of a list a part means: `[key=value]`, a number or `*`. */
function itemsOf(list: readonly unknown[], part: string): number[] {
  const [, key, value] = /^\[([^=]+)=(.*)\]$/.exec(part) ?? [];
  if (key !== undefined)
    return list.flatMap((item, index) => (isMap(item) && String(item[key]) === value ? [index] : []));
  if (part === '*') return [...list.keys()];
  const index = Number(/^\[?(\d+)\]?$/.exec(part)?.[1] ?? -1);
  return index >= 0 && index < list.length ? [index] : [];
}

function at(value: unknown, parts: readonly string[]): unknown {
  return parts.reduce<unknown>((here, part) => {
    if (Array.isArray(here)) return here[itemsOf(here, part)[0] ?? -1];
    return isMap(here) && Object.hasOwn(here, part) ? here[part] : undefined;
  }, value);
}

/** Puts a value into the fields that a path means. */
class Putting {
  done = false;
  readonly #value: unknown;
  readonly #options: ReplacementOptions;

  constructor(value: unknown, options: ReplacementOptions) {
    this.#value = value;
    this.#options = options;
  }

  into(here: unknown, parts: readonly string[]): unknown {
    const [part, ...rest] = parts;
    if (part === undefined) return this.#replaced(here);
    if (Array.isArray(here)) {
      const meant = itemsOf(here, part);
      return here.map((item, index) => (meant.includes(index) ? this.into(item, rest) : item));
    }
    const { create = false } = this.#options;
    if (!isMap(here) && !(create && here === undefined)) return here;
    const map = isMap(here) ? here : {};
    if (part === '*')
      return Object.fromEntries(Object.entries(map).map(([key, item]) => [key, this.into(item, rest)]));
    if (!Object.hasOwn(map, part) && !create) return here;
    const inner = Object.hasOwn(map, part) ? map[part] : undefined;
    return Object.fromEntries([
      ...Object.entries(map).filter(([key]) => key !== part),
      [part, this.into(inner, rest)],
    ]);
  }

  /** A number or text stays one: what is put in its place becomes the same. */
  #replaced(before: unknown): unknown {
    this.done = true;
    const { delimiter, index = 0 } = this.#options;
    let value = this.#value;
    if (delimiter) {
      const parts = String(before ?? '').split(delimiter);
      if (index < 0) parts.unshift(String(value));
      else if (index >= parts.length) parts.push(String(value));
      else parts[index] = String(value);
      value = parts.join(delimiter);
    }
    if (typeof before === 'string' && !isMap(value) && !Array.isArray(value)) return String(value);
    if (
      typeof before === 'number' &&
      typeof value === 'string' &&
      value.trim() !== '' &&
      Number.isFinite(Number(value))
    )
      return Number(value);
    return structuredClone(value);
  }
}
