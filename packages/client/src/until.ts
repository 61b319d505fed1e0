import type { KubernetesObject, ResourceType } from '@tagboat/api';
import { isReason, TagboatError } from '@tagboat/base';
import type { Client, ListOptions } from './client.ts';

export interface Awaited extends ListOptions {
  readonly type: ResourceType;
  /** What is awaited, for the error. */
  readonly what: string;
  /** Milliseconds (default two minutes). */
  readonly timeout?: number;
  readonly hint?: string;
  readonly signal?: AbortSignal;
}

const patience = 120_000;

/** Watches until an object satisfies the condition. @throws `Timeout` telling what was awaited; `Cancelled` */
export async function until<T extends KubernetesObject>(
  client: Client,
  query: Awaited,
  satisfied: (object: T) => boolean,
): Promise<T> {
  const late = AbortSignal.timeout(query.timeout ?? patience);
  const signal = query.signal ? AbortSignal.any([late, query.signal]) : late;
  for (;;)
    try {
      for await (const { type, object } of client.watch<T>(query.type, { ...query, signal }))
        if (type !== 'DELETED' && satisfied(object)) return object;
    } catch (error) {
      if (isReason(error, 'Expired')) continue;
      if (!signal.aborted) throw error;
      throw new TagboatError(`${query.what} did not happen in time`, {
        reason: late.aborted ? 'Timeout' : 'Cancelled',
        ...(query.hint ? { hint: query.hint } : {}),
        cause: error,
      });
    }
}
