import { invalid, type Location } from '@tagboat/base';
import {
  type CollectionTag,
  type Document,
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  parseAllDocuments,
  type ScalarTag,
  visit,
} from 'yaml';
import type { KubernetesObject } from './object.ts';

/** A parsed document that still knows where each value stood. */
export interface SourceDocument<T = unknown> {
  readonly value: T;
  /** Where the value at this path stands; of the nearest parent where it is absent. */
  locate(path: readonly (string | number)[]): Location;
  /** Where the key itself stands whose value is at this path. */
  locateKey(path: readonly (string | number)[]): Location;
}

/** A number with an exponent has digits before it: the parser's YAML 1.1 takes `e1234567`, a commit, for one that is none. */
const exponent = /^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$/;
const withDigits = <T extends CollectionTag | ScalarTag | string>(tag: T): T =>
  typeof tag === 'object' && 'format' in tag && tag.format === 'EXP' ? { ...tag, test: exponent } : tag;

const mergeKey = '<<';
const maxSize = 4 * 2 ** 20;

/**
 * Reads every document of a YAML (or JSON) text, as kubectl does: YAML 1.1 scalars, no aliases in bulk.
 * @throws `Invalid` with file:line:column for a syntax error, a repeated key, or an alias bomb.
 */
export function parseYaml(text: string, file: string): SourceDocument[] {
  if (text.length > maxSize)
    throw invalid(`expected at most ${maxSize} bytes of YAML, found ${text.length}`, { location: { file } });
  const lines = new LineCounter();
  const at = (offset: number): Location => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    version: '1.1',
    customTags: (tags) => tags.map(withDigits),
    strict: true,
    // Found below: the parser's own way compares each key with all others.
    uniqueKeys: false,
  });
  if (!Array.isArray(documents)) return [];
  const result: SourceDocument[] = [];
  for (const document of documents) {
    const error = document.errors[0];
    if (error) throw invalid(plainMessage(error.message), { location: at(error.pos[0]) });
    const repeated = repeatedKey(document);
    if (repeated)
      throw invalid(
        `the key "${repeated.name}" stands here twice, first in line ${at(repeated.first).line}`,
        { location: at(repeated.second) },
      );
    let aliases = 0;
    visit(document, { Alias: () => void aliases++ });
    if (aliases > 100)
      throw invalid(`expected at most 100 YAML aliases, found ${aliases}`, { location: { file } });
    if (document.contents === null) continue;
    const value = plainValue(document, at(document.range[0]));
    if (aliases > 0 && holdsItself(value))
      throw invalid('an alias stands for a value that holds the alias', { location: { file } });
    // Nothing but comments between two separators.
    if (value === null || value === undefined) continue;
    result.push({
      value,
      locate(path) {
        for (let length = path.length; length >= 0; length--) {
          const node = (length === 0 ? document.contents : document.getIn(path.slice(0, length), true)) as
            | Node
            | null
            | undefined;
          if (node && !isAlias(node) && node.range) return at(node.range[0]);
        }
        return { file, line: 1, column: 1 };
      },
      locateKey(path) {
        const map = path.length < 2 ? document.contents : document.getIn(path.slice(0, -1), true);
        const pair = isMap(map)
          ? map.items.find(({ key }) => isScalar(key) && key.value === path.at(-1))
          : undefined;
        const range = (pair?.key as Node | undefined)?.range;
        return range ? at(range[0]) : this.locate(path);
      },
    });
  }
  return result;
}

/** The first key that stands twice in one map, and where; what `<<` brings in may be overridden. */
function repeatedKey(document: Document): { name: string; first: number; second: number } | undefined {
  let found: { name: string; first: number; second: number } | undefined;
  visit(document, {
    Map(_, { items }) {
      const seen = new Map<string, number>();
      for (const { key } of items) {
        if (!isScalar(key) || key.value === mergeKey) continue;
        const [name, place] = [String(key.value), key.range?.[0] ?? 0];
        const first = seen.get(name);
        if (first === undefined) seen.set(name, place);
        else found ??= { name, first, second: place };
      }
      return found ? visit.BREAK : undefined;
    },
  });
  return found;
}

/** Every Kubernetes object in a YAML text; a `List` is flattened. @throws `Invalid` where a document is not an object with apiVersion, kind and metadata.name. */
export function parseManifests(text: string, file: string): KubernetesObject[] {
  return parseYaml(text, file).flatMap((document) => {
    const value = document.value as Partial<KubernetesObject> & { items?: KubernetesObject[] };
    if (
      value === null ||
      typeof value !== 'object' ||
      typeof value.apiVersion !== 'string' ||
      typeof value.kind !== 'string'
    )
      throw invalid('expected a Kubernetes object with apiVersion and kind', {
        location: document.locate([]),
      });
    if (value.kind === 'List' || (value.kind.endsWith('List') && Array.isArray(value.items)))
      return value.items ?? [];
    if (typeof value.metadata?.name !== 'string' && typeof value.metadata?.generateName !== 'string')
      throw invalid(`expected metadata.name in this ${value.kind}`, {
        location: document.locate(['metadata']),
      });
    return [value as KubernetesObject];
  });
}

function plainValue(document: Document, location: Location): unknown {
  try {
    return document.toJS({ maxAliasCount: 1000 });
  } catch (error) {
    if (error instanceof ReferenceError)
      throw invalid('its aliases stand for too much: they repeat others that repeat others', { location });
    if (error instanceof RangeError) throw invalid('it is nested too deeply', { location });
    throw error;
  }
}

/** True for what holds itself, by way of an alias: no JSON could say it. */
function holdsItself(value: unknown, above: ReadonlySet<unknown> = new Set()): boolean {
  if (value === null || typeof value !== 'object') return false;
  if (above.has(value)) return true;
  const path = new Set(above).add(value);
  return Object.values(value).some((item) => holdsItself(item, path));
}

function plainMessage(text: string): string {
  if (text.startsWith('Maximum call stack size exceeded')) return 'it is nested too deeply';
  return text.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '');
}
