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

/** Paths of fields that a JSON text gives twice: the last one counts, the first is lost, which is seldom meant. */
export function duplicateFields(text: string): string[] {
  const found: string[] = [];
  const stack: { fields: Set<string> | undefined; path: string; index: number }[] = [];
  const token = /"((?:[^"\\]|\\.)*)"(\s*:)?|[{}[\],]/g;
  let pending = '';
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const top = stack.at(-1);
    const [symbol, name, colon] = match;
    if (symbol === '{' || symbol === '[') {
      const path = !top ? '' : top.fields ? join(top.path, pending) : `${top.path}[${top.index}]`;
      stack.push({ fields: symbol === '{' ? new Set() : undefined, path, index: 0 });
    } else if (symbol === '}' || symbol === ']') stack.pop();
    else if (symbol === ',') {
      if (top) top.index++;
    } else if (colon && top?.fields) {
      if (top.fields.has(name!)) found.push(join(top.path, name!));
      top.fields.add(name!);
      pending = name!;
    }
  }
  return found;
}

const join = (path: string, name: string) => (path === '' ? name : `${path}.${name}`);
