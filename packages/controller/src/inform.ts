import type { KubernetesObject, ResourceType } from '@tagboat/api';
import { type Clock, delay, isReason, type Logger } from '@tagboat/base';
import type { Query, Reader, WatchEvent } from '@tagboat/store';

export interface InformOptions {
  readonly reader: Reader;
  readonly type: ResourceType;
  readonly query?: Query;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Everything that is there, then every change, for as long as the signal allows: lists, watches from there, and lists
 * again when the watch has expired or broken. After a break the same object may come twice; what was deleted
 * meanwhile comes as DELETED.
 */
export async function* inform<T extends KubernetesObject>(
  options: InformOptions,
): AsyncIterable<WatchEvent<T>> {
  const { reader, type, query = {}, clock, log, signal } = options;
  const known = new Map<string, T>();
  const idOf = (object: T) => object.metadata.uid ?? `${object.metadata.namespace}/${object.metadata.name}`;
  while (!signal.aborted) {
    try {
      const { items, resourceVersion } = await reader.list<T>(type, query);
      const present = new Set(items.map(idOf));
      const gone = [...known].filter(([id]) => !present.has(id));
      for (const [id, object] of gone) {
        known.delete(id);
        yield { type: 'DELETED', object };
      }
      for (const object of items) {
        known.set(idOf(object), object);
        yield { type: 'ADDED', object };
      }
      for await (const event of reader.watch<T>(type, query, { from: resourceVersion, signal })) {
        if (event.type === 'DELETED') known.delete(idOf(event.object));
        else known.set(idOf(event.object), event.object);
        yield event;
      }
      if (!signal.aborted) await delay(clock, 100, signal);
    } catch (error) {
      if (isReason(error, 'Expired')) continue;
      log.warn(`watching ${type.plural} failed; trying again`, { error });
      await delay(clock, 1000, signal);
    }
  }
}

/** Every change from now on, without what is there: begins again, from then on, where the watch has broken. */
export async function* changes<T extends KubernetesObject>(
  options: InformOptions,
): AsyncIterable<WatchEvent<T>> {
  const { reader, type, query = {}, clock, log, signal } = options;
  while (!signal.aborted)
    try {
      yield* reader.watch<T>(type, query, { signal });
      if (!signal.aborted) await delay(clock, 100, signal);
    } catch (error) {
      if (!isReason(error, 'Expired')) log.warn(`watching ${type.plural} failed; trying again`, { error });
      await delay(clock, 1000, signal);
    }
}
