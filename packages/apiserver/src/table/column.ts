import type { KubernetesObject } from '@tagboat/api';
import { since } from './duration.ts';
import { jsonPath } from './json-path.ts';

/** One column of a kind's table (meta/v1 TableColumnDefinition). */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** 0: always shown; 1 and more: with `-o wide` only. */
  readonly priority?: number;
  readonly value: (object: KubernetesObject, now: number) => unknown;
}

/** A column whose cell is what a JSONPath finds, as CustomResourceDefinitions declare them. */
export function pathColumn(
  name: string,
  path: string,
  options: Partial<Omit<Column, 'name' | 'value'>> = {},
): Column {
  const find = jsonPath(path);
  const type = options.type ?? 'string';
  return { type, ...options, name, value: (object, now) => cell(find(object), type, now) };
}

function cell(found: readonly unknown[], type: Column['type'], now: number): unknown {
  const [value] = found;
  if (value === undefined || value === null) return type === 'date' ? '<unknown>' : null;
  if (type === 'date') return since(value, now);
  if (found.length > 1) return found.map(plain).join(',');
  if (type === 'integer' || type === 'number') return typeof value === 'number' ? value : Number(value);
  if (type === 'boolean') return value === true;
  return plain(value);
}

const plain = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));

/** A cell that is computed. */
export function computed(
  name: string,
  value: (object: KubernetesObject & Record<string, never>, now: number) => unknown,
  options: Partial<Omit<Column, 'name' | 'value'>> = {},
): Column {
  return { type: 'string', ...options, name, value: value as Column['value'] };
}

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  value: ({ metadata }) => metadata.name,
};

export const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  value: ({ metadata }, now) => since(metadata.creationTimestamp, now),
};
