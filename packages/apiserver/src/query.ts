import { parseFieldSelector, parseSelector, type Requirement } from '@tagboat/api';
import { describeError } from '@tagboat/base';
import type { Query } from '@tagboat/store';
import type { FieldValidation } from './admission.ts';
import type { ResourcePath } from './resource-path.ts';
import { badRequest } from './status.ts';

export type QueryString = Readonly<Record<string, string | undefined>>;

export const isTrue = (text: string | undefined) => text === 'true' || text === '1';

/** What a list or watch selects. @throws `BadRequest` */
export function selection(path: ResourcePath, query: QueryString): Query {
  const { namespace, name, type } = path;
  return {
    ...(namespace !== undefined && type.namespaced ? { namespace } : {}),
    ...(name === undefined ? {} : { name }),
    ...(query.labelSelector ? { labels: labels(query.labelSelector) } : {}),
    ...(query.fieldSelector ? { fields: readable(() => parseFieldSelector(query.fieldSelector!)) } : {}),
  };
}

const labels = (text: string): Requirement[] => readable(() => parseSelector(text));

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw badRequest(describeError(error));
  }
}

/** The page and revision of a list. @throws `BadRequest` */
export function paging(query: QueryString): Pick<Query, 'limit' | 'continue' | 'revision'> {
  const limit = wholeNumber(query.limit, 'limit') ?? 0;
  const exact = query.resourceVersionMatch === 'Exact';
  if (query.resourceVersionMatch && !['Exact', 'NotOlderThan'].includes(query.resourceVersionMatch))
    throw badRequest(
      `expected resourceVersionMatch Exact or NotOlderThan, found "${query.resourceVersionMatch}"`,
    );
  if (query.resourceVersionMatch && !query.resourceVersion)
    throw badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (exact && query.resourceVersion === '0')
    throw badRequest('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  return {
    ...(limit > 0 ? { limit } : {}),
    ...(query.continue ? { continue: query.continue } : {}),
    ...(exact ? { revision: query.resourceVersion! } : {}),
  };
}

/** @throws `BadRequest` */
export function wholeNumber(text: string | undefined, name: string): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw badRequest(`expected a whole number as ${name}, found "${text.slice(0, 40)}"`);
  return Number(text);
}

/** @throws `BadRequest` */
export function isDryRun(value: string | readonly string[] | undefined): boolean {
  if (value === undefined || value === '' || value.length === 0) return false;
  const all = typeof value === 'string' ? [value] : value;
  if (all.every((text) => text === 'All')) return true;
  throw badRequest(`expected dryRun All, found "${all.join(',')}"`);
}

/** @throws `BadRequest` */
export function fieldValidation(query: QueryString): FieldValidation {
  const { fieldValidation = '' } = query;
  if (fieldValidation === '') return 'Warn';
  if (fieldValidation === 'Strict' || fieldValidation === 'Warn' || fieldValidation === 'Ignore')
    return fieldValidation;
  throw badRequest(`expected fieldValidation Strict, Warn or Ignore, found "${fieldValidation}"`);
}
