import type { KubernetesObject, ResourceKey, ResourceType } from '@tagboat/api';
import { apiVersionOf } from '@tagboat/api';
import type { TagboatError } from '@tagboat/base';
import type { ListOptions } from '@tagboat/client';
import { useCallback, useSyncExternalStore } from 'react';
import { client } from './client.ts';
import { connection } from './connection.ts';
import { LiveList, type LiveState } from './live-list.ts';

interface Shared {
  readonly list: LiveList<KubernetesObject>;
  users: number;
  closing?: ReturnType<typeof setTimeout>;
}

const shared = new Map<string, Shared>();
/** A list that nobody looks at any more is kept this long, so that going back shows it at once. */
const lingerMilliseconds = 30_000;

function open(type: ResourceType, query: ListOptions): { key: string; entry: Shared } {
  const key = JSON.stringify([apiVersionOf(type), type.plural, query]);
  let entry = shared.get(key);
  if (!entry) {
    entry = { list: new LiveList({ client, connection, type, query }), users: 0 };
    shared.set(key, entry);
    closeLater(key, entry);
  }
  return { key, entry };
}

function subscribeTo(type: ResourceType, query: ListOptions, listener: () => void): () => void {
  const { key, entry } = open(type, query);
  clearTimeout(entry.closing);
  entry.users++;
  const unsubscribe = entry.list.subscribe(listener);
  return () => {
    unsubscribe();
    if (--entry.users === 0) closeLater(key, entry);
  };
}

function closeLater(key: string, entry: Shared): void {
  entry.closing = setTimeout(() => {
    entry.list.close();
    shared.delete(key);
  }, lingerMilliseconds);
}

const nothing: LiveState<never> = { status: 'ready', items: [] };

/**
 * The objects of a kind, kept true by a watch that all components share. `query` undefined: nothing yet.
 * Lists everything that matches: for runs use `useRuns`, of which there may be ten thousand.
 */
export function useList<T extends KubernetesObject>(
  type: ResourceType,
  query: ListOptions | undefined = {},
): LiveState<T> {
  const text = query && JSON.stringify(query);
  const subscribe = useCallback(
    (listener: () => void) =>
      text === undefined ? () => undefined : subscribeTo(type, JSON.parse(text) as ListOptions, listener),
    [type, text],
  );
  const current = useCallback(
    () => (text === undefined ? nothing : open(type, JSON.parse(text) as ListOptions).entry.list.current()),
    [type, text],
  );
  return useSyncExternalStore(subscribe, current) as LiveState<T>;
}

export interface LiveObject<T> {
  readonly status: 'loading' | 'ready' | 'missing' | 'failed';
  readonly object?: T;
  readonly error?: TagboatError;
}

/** One object, kept true by a watch. */
export function useObject<T extends KubernetesObject>(key: ResourceKey | undefined): LiveObject<T> {
  const { status, items, error } = useList<T>(
    key?.type ?? placeholder,
    key && { namespace: key.namespace, fieldSelector: `metadata.name=${key.name}` },
  );
  if (status !== 'ready') return { status, ...(error ? { error } : {}) };
  const [object] = items;
  if (!key) return { status: 'loading' };
  return object ? { status: 'ready', object } : { status: 'missing' };
}

const placeholder: ResourceType = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: [],
  namespaced: true,
  subresources: [],
};
