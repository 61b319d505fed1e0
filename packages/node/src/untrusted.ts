import { keyOf, kinds, type Pod, withCondition } from '@tagboat/api';
import { timestamp } from '@tagboat/base';
import { mutateStatus } from '@tagboat/store';
import type { NodeContext } from './context.ts';

/** On pods of runs of an outside contributor's code. */
export const untrustedLabel = 'tagboat.dev/untrusted';

export const isUntrusted = (pod: Pod): boolean => pod.metadata.labels?.[untrustedLabel] === 'true';

/**
 * Leaves a pod Pending and says why: what runs code from outside must be a boundary, which neither a sandbox nor a
 * process is.
 */
export async function holdBack({ store, clock }: NodeContext, pod: Pod, why: string): Promise<void> {
  const message = `the code is an outside contributor's: it runs in containers alone, and ${why}`;
  const now = timestamp(clock);
  await mutateStatus<Pod>(store, keyOf(kinds.Pod, pod), (draft) => {
    const before = draft.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (before?.reason === 'NoContainerEngine' && before.message === message) return false;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'NoContainerEngine',
      message,
    } as const;
    draft.status = {
      ...draft.status,
      phase: 'Pending',
      message,
      conditions: withCondition(draft.status?.conditions, condition, now),
    };
    return undefined;
  });
}
