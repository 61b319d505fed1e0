import { keyOf, kinds, type Pod, podFieldsNotActedOn } from '@tagboat/api';
import { isReason } from '@tagboat/base';
import { mutate } from '@tagboat/store';
import type { NodeContext } from './context.ts';

/** Keeps a pod's object while the pod ends. */
export const podFinalizer = 'tagboat.dev/node';

/** Makes a pod this node's: it is removed only when nothing of it runs any more. @returns false where it is gone */
export async function claimPod({ store, nodeName, events }: NodeContext, pod: Pod): Promise<boolean> {
  const claimed = await mutate<Pod>(store, keyOf(kinds.Pod, pod), (draft) => {
    if (draft.metadata.uid !== pod.metadata.uid || draft.metadata.deletionTimestamp) return false;
    draft.metadata.finalizers = [...new Set([...(draft.metadata.finalizers ?? []), podFinalizer])];
    draft.spec!.nodeName = nodeName;
    return undefined;
  }).catch((error: unknown) => {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  });
  if (claimed?.metadata.uid !== pod.metadata.uid || claimed?.metadata.deletionTimestamp) return false;
  // Taken up again, it has been told already.
  if (pod.spec?.nodeName !== undefined) return true;
  events.record(pod, {
    type: 'Normal',
    reason: 'Scheduled',
    message: `Successfully assigned ${pod.metadata.namespace}/${pod.metadata.name} to ${nodeName}`,
  });
  const ignored = podFieldsNotActedOn(pod.spec!);
  if (ignored.length > 0)
    events.record(pod, {
      type: 'Warning',
      reason: 'NotActedOn',
      message: `nothing here acts on ${ignored.join(', ')}`,
    });
  return true;
}
