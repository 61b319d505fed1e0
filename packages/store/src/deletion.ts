import type { KubernetesObject } from '@tagboat/api';
import { type Clock, timestamp } from '@tagboat/base';
import { sealedCopy } from './prepare.ts';
import { type DeleteOptions, foregroundDeletion, orphanDependents } from './types.ts';

/**
 * What a deletion makes of an object: nothing where nothing holds it, the same object where it is already being deleted
 * like this, else the object marked as being deleted (apimachinery `ObjectMeta.deletionTimestamp`).
 */
export function afterDeletion(
  current: KubernetesObject,
  options: DeleteOptions,
  clock: Clock,
): KubernetesObject | 'gone' {
  const finalizers = withPropagation(current, options.propagation);
  if (finalizers.length === 0 && !hasSpecFinalizers(current)) return 'gone';
  const { deletionGracePeriodSeconds: before } = current.metadata;
  const { gracePeriodSeconds: grace = before } = options;
  if (
    current.metadata.deletionTimestamp &&
    finalizers.length === (current.metadata.finalizers ?? []).length &&
    (grace === undefined || (before !== undefined && grace >= before))
  )
    return current;
  const marked = sealedCopy(current);
  marked.metadata.deletionTimestamp ??= timestamp(clock);
  if (grace !== undefined) marked.metadata.deletionGracePeriodSeconds = Math.min(grace, before ?? grace);
  marked.metadata.generation = (current.metadata.generation ?? 1) + 1;
  if (finalizers.length > 0) marked.metadata.finalizers = finalizers;
  return marked;
}

/** The finalizers that a delete leads to (registry `deletionFinalizersForGarbageCollection`). */
function withPropagation(current: KubernetesObject, policy: DeleteOptions['propagation']): string[] {
  const finalizers = current.metadata.finalizers ?? [];
  if (policy === undefined) return [...finalizers];
  const others = finalizers.filter((name) => name !== foregroundDeletion && name !== orphanDependents);
  if (policy === 'Foreground') return [...others, foregroundDeletion];
  return policy === 'Orphan' ? [...others, orphanDependents] : others;
}

/** A Namespace goes only when its content has gone (core/v1 NamespaceSpec.finalizers). */
export function hasSpecFinalizers(object: KubernetesObject): boolean {
  if (object.kind !== 'Namespace') return false;
  return ((object.spec as { finalizers?: string[] } | undefined)?.finalizers?.length ?? 0) > 0;
}
