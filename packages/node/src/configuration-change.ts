import { kinds } from '@tagboat/api';
import { delay } from '@tagboat/base';
import type { NodeContext } from './context.ts';

/**
 * Resolves when a Secret, ConfigMap or claim of a namespace changes, after a while (milliseconds), or when the signal
 * aborts.
 */
export async function configurationChange(
  { store, clock }: Pick<NodeContext, 'store' | 'clock'>,
  namespace: string,
  { signal, longest }: { signal: AbortSignal; longest: number },
): Promise<void> {
  const enough = new AbortController();
  const ended = AbortSignal.any([signal, enough.signal]);
  const types = [kinds.Secret, kinds.ConfigMap, kinds.PersistentVolumeClaim];
  const changes = types.map(async (type) => {
    for await (const _ of store.watch(type, { namespace }, { signal: ended })) return;
  });
  await Promise.race([...changes, delay(clock, longest, ended)]);
  enough.abort();
  await Promise.allSettled(changes);
}
