import type { KubernetesObject, ResourceKey, ResourceType } from '@tagboat/api';
import { isReason } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import type { Engine } from '@tagboat/server';
import { mutate } from '@tagboat/store';

export interface SourceEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
}

/** What following a run needs, of a platform that is up or of an engine in this process. */
export interface RunSource {
  get<T extends KubernetesObject>(key: ResourceKey): Promise<T | undefined>;
  create<T extends KubernetesObject>(type: ResourceType, object: T): Promise<T>;
  replace<T extends KubernetesObject>(key: ResourceKey, change: (draft: T) => void): Promise<void>;
  /** Everything of a namespace, then every change. Ends when the signal aborts. */
  watch<T extends KubernetesObject>(
    type: ResourceType,
    options: { namespace: string; signal: AbortSignal },
  ): AsyncIterable<SourceEvent<T>>;
  logs(
    container: { namespace: string; pod: string; container: string },
    signal: AbortSignal,
  ): AsyncIterable<string>;
}

export function engineSource({ store, node }: Engine): RunSource {
  return {
    get: (key) => store.get(key),
    create: (_type, object) => store.create(object),
    async replace<T extends KubernetesObject>(key: ResourceKey, change: (draft: T) => void) {
      if (await store.get<T>(key)) await mutate<T>(store, key, (draft) => change(draft));
    },
    async *watch<T extends KubernetesObject>(
      type: ResourceType,
      { namespace, signal }: { namespace: string; signal: AbortSignal },
    ) {
      const { items, resourceVersion } = await store.list<T>(type, { namespace });
      for (const object of items) yield { type: 'ADDED' as const, object };
      yield* store.watch<T>(type, { namespace }, { from: resourceVersion, signal });
    },
    logs: (container, signal) => node.access.logs({ ...container, follow: true, signal }),
  };
}

export function clientSource(client: Client): RunSource {
  return {
    get: (key) => client.get(key),
    create: (type, object) => client.create(type, object),
    async replace<T extends KubernetesObject>(key: ResourceKey, change: (draft: T) => void) {
      const current = await client.get<T>(key);
      if (!current) return;
      change(current);
      const { annotations = {}, ownerReferences } = current.metadata;
      await client.patch(key, {
        spec: current.spec,
        metadata: { annotations, ...(ownerReferences ? { ownerReferences } : {}) },
      });
    },
    async *watch<T extends KubernetesObject>(
      type: ResourceType,
      options: { namespace: string; signal: AbortSignal },
    ) {
      for (;;)
        try {
          yield* client.watch<T>(type, options);
          if (options.signal.aborted) return;
        } catch (error) {
          if (options.signal.aborted) return;
          if (!isReason(error, 'Expired')) throw error;
        }
    },
    logs: ({ namespace, pod, container }, signal) =>
      client.logs({ namespace, name: pod, container }, { follow: true, signal }),
  };
}
