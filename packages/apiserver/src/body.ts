import { parse } from 'yaml';
import { badRequest } from './status.ts';

/** Reads JSON or YAML. @throws `BadRequest` */
export function readBody(text: string, contentType?: string): Record<string, unknown> {
  const value = /yaml/.test(contentType ?? '') ? readYaml(text) : readJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('expected an object in the body');
  return value as Record<string, unknown>;
}

function readJson(text: string): unknown {
  if (text === '') throw badRequest('expected an object in the body, found nothing');
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/^\s*[{[]/.test(text)) return readYaml(text);
    throw badRequest(`the object provided is unrecognized: ${(error as Error).message}`);
  }
}

function readYaml(text: string): unknown {
  try {
    return parse(text, { version: '1.1', schema: 'yaml-1.1', merge: false, maxAliasCount: 100 });
  } catch (cause) {
    throw badRequest(`the body cannot be read: ${(cause as Error).message.split('\n')[0]}`);
  }
}

/** An object or a list of a JSON text, while its end has not been met. */
interface OpenValue {
  /** The names met so far; absent in a list. */
  readonly fields: Set<string> | undefined;
  readonly path: string;
  /** Of the field that is being read, or the place in the list. */
  current: string | number;
}

/** Paths of fields that a JSON text gives twice: the last one counts, the first is lost, which is seldom meant. */
export function duplicateFields(text: string): string[] {
  const found: string[] = [];
  const open: OpenValue[] = [];
  for (const [symbol, name, colon] of text.matchAll(/"((?:[^"\\]|\\.)*)"(\s*:)?|[{}[\],]/g)) {
    const top = open.at(-1);
    if (symbol === '{') open.push({ fields: new Set(), path: pathInside(top), current: '' });
    else if (symbol === '[') open.push({ fields: undefined, path: pathInside(top), current: 0 });
    else if (symbol === '}' || symbol === ']') open.pop();
    else if (symbol === ',' && typeof top?.current === 'number') top.current++;
    else if (colon && top?.fields) {
      top.current = name!;
      if (top.fields.has(name!)) found.push(pathInside(top));
      top.fields.add(name!);
    }
  }
  return found;
}

function pathInside(value: OpenValue | undefined): string {
  if (!value) return '';
  const { path, current } = value;
  if (typeof current === 'number') return `${path}[${current}]`;
  return path === '' ? current : `${path}.${current}`;
}
