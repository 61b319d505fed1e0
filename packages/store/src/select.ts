import { type KubernetesObject, matchesFields, matchesLabels } from '@tagboat/api';
import { invalid, TagboatError } from '@tagboat/base';
import type { Query, WatchEvent } from './types.ts';
import type { Change } from './watch.ts';

/** True when the query has terms that only the object itself can answer. */
export function isSelective(query: Query): boolean {
  return query.name !== undefined || !!query.labels?.length || !!query.fields?.length;
}

export function matches(object: KubernetesObject, query: Query): boolean {
  return (
    (query.namespace === undefined || (object.metadata.namespace ?? '') === query.namespace) &&
    (query.name === undefined || object.metadata.name === query.name) &&
    (!query.labels || matchesLabels(object.metadata.labels, query.labels)) &&
    (!query.fields || matchesFields(object, query.fields))
  );
}

/** An object that starts or stops matching the query is, for that watcher, added or deleted. */
export function eventFor(change: Change, query: Query): WatchEvent<KubernetesObject> | undefined {
  const before = change.previous !== undefined && matches(change.previous, query);
  const after = !change.removed && matches(change.object, query);
  if (after) return { type: before ? 'MODIFIED' : 'ADDED', object: change.object };
  return before ? { type: 'DELETED', object: change.object } : undefined;
}

/** @throws `Invalid` */
export function parseRevision(text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw invalid(`expected a resourceVersion of digits, found "${text.slice(0, 40)}"`);
  return Number(text);
}

/** Where a list goes on: after a key, as things were at a revision. */
export interface Position {
  readonly revision: number;
  readonly key: string;
}

export function encodePosition({ revision, key }: Position): string {
  return Buffer.from(JSON.stringify({ v: 2, revision, key })).toString('base64url');
}

/** @throws `Invalid` */
export function decodePosition(token: string): Position {
  try {
    const { revision, key } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as Position;
    if (typeof key === 'string' && Number.isSafeInteger(revision) && revision > 0) return { revision, key };
  } catch {
    // Falls through to the one message for every malformed token.
  }
  throw invalid('expected the continue token of an earlier list', {
    hint: 'start the list again without it',
  });
}

export const inTheFuture = (revision: number, newest: number) =>
  new TagboatError(`revision ${revision} is in the future; the newest is ${newest}`, { reason: 'Expired' });
