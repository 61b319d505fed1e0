import type { KubernetesObject } from '@tagboat/api';
import { jsonEquals } from '@tagboat/store';

/** An apply that changes nothing must not write a new time: it would wake every watcher. */
export function sameButTime(live: KubernetesObject, next: KubernetesObject): boolean {
  return jsonEquals(withoutTimes(live), withoutTimes(next));
}

function withoutTimes(object: KubernetesObject): object {
  const { managedFields, resourceVersion: _, ...metadata } = object.metadata;
  const entries = (managedFields as object[] | undefined)?.map((entry) => ({ ...entry, time: '' }));
  return { ...object, metadata: { ...metadata, managedFields: entries } };
}
