import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type * as clientNode from '@kubernetes/client-node';
import { atomicMaps, atomicObjects, mergeKeys, quantities } from './merge-keys.ts';
import type { Schema } from './schema.ts';

/** A model class of @kubernetes/client-node, such as `V1Pod`. */
export type ModelName = Extract<keyof typeof clientNode, `${string}V1${string}`>;

/**
 * Kubernetes' own types as schemas, read from the type declarations and attribute maps of @kubernetes/client-node, which
 * are generated from Kubernetes' OpenAPI description. What those leave out (how lists merge) is added from `merge-keys`.
 */
export class BuiltInTypes {
  readonly definitions = new Map<string, Schema>();
  readonly #directory: string;

  constructor() {
    const main = createRequire(import.meta.url).resolve('@kubernetes/client-node');
    this.#directory = join(dirname(main), 'gen', 'models');
  }

  /** The name of the definition of a model class, which is read with all that it refers to. */
  add(model: string): string {
    const name = definitionName(model);
    if (this.definitions.has(name)) return name;
    this.definitions.set(name, {});
    this.definitions.set(name, this.#read(model));
    return name;
  }

  #read(model: string): Schema {
    const declared = readFileSync(join(this.#directory, `${model}.d.ts`), 'utf8');
    const attributes = readAttributes(readFileSync(join(this.#directory, `${model}.js`), 'utf8'));
    const properties: Record<string, Schema> = {};
    const required: string[] = [];
    for (const { name, optional, description } of readMembers(declared)) {
      const attribute = attributes.get(name);
      if (!attribute) continue;
      const schema = this.#property(model, attribute);
      properties[attribute.baseName] = description ? { description, ...schema } : schema;
      if (!optional) required.push(attribute.baseName);
    }
    return {
      description: describe(/\n\/\*\*\n([\s\S]*?)\*\/\nexport declare class/.exec(declared)?.[1]),
      type: 'object',
      properties,
      ...(required.length > 0 ? { required } : {}),
      ...(atomicObjects.has(model) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    } as Schema;
  }

  #property(model: string, { baseName, type, format }: Attribute): Schema {
    const schema = this.#typed(type, format, quantities.has(baseName));
    const atomic = atomicMaps[model]?.includes(baseName)
      ? { 'x-kubernetes-map-type': 'atomic' as const }
      : {};
    return { ...schema, ...atomic, ...mergeKeys[model]?.[baseName] };
  }

  #typed(type: string, format: string, quantity: boolean): Schema {
    const list = /^Array<(.+)>$/.exec(type)?.[1];
    if (list) return { type: 'array', items: this.#typed(list, format, quantity) };
    const map = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
    if (map) return { type: 'object', additionalProperties: this.#typed(map, format, quantity) };
    if (type === 'IntOrString' || (quantity && type === 'string'))
      return { 'x-kubernetes-int-or-string': true };
    if (type === 'any' || type === 'object') return { 'x-kubernetes-preserve-unknown-fields': true };
    if (type === 'Date' || type === 'V1MicroTime') return { type: 'string', format: 'date-time' };
    if (type === 'number') return { type: format === 'double' ? 'number' : 'integer', format };
    if (type === 'string') return { type: 'string', ...(format ? { format } : {}) };
    if (type === 'boolean') return { type: 'boolean' };
    return { $ref: this.add(type) };
  }
}

interface Attribute {
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

function readAttributes(source: string): Map<string, Attribute> {
  const pattern = /"name": "([^"]+)",\s*"baseName": "([^"]+)",\s*"type": "([^"]+)",\s*"format": "([^"]*)"/g;
  return new Map(
    [...source.matchAll(pattern)].map(([, name, baseName, type, format]) => [
      name!,
      { baseName: baseName!, type: type!, format: format! },
    ]),
  );
}

function readMembers(source: string) {
  const pattern = /(?:\/\*\*\n((?:(?!\*\/)[\s\S])*)\*\/\n)?\s+'([\w$]+)'(\?)?: /g;
  return [...source.matchAll(pattern)].map(([, comment, name, optional]) => ({
    name: name!,
    optional: optional !== undefined,
    description: describe(comment),
  }));
}

const describe = (comment: string | undefined) =>
  comment
    ?.split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .trim()
    .replace(/\\(['"])/g, '$1');

/** `V1PodSpec` -> `io.k8s.api.v1.PodSpec`. */
export function definitionName(model: string): string {
  const match = /^(?:Core|Events|Rbac|Admissionregistration)?(V\d+(?:alpha\d+|beta\d+)?)(.+)$/.exec(model);
  return match ? `io.k8s.api.${match[1]!.toLowerCase()}.${match[2]}` : `io.k8s.api.${model}`;
}
