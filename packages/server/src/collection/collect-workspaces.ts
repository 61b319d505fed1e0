import {
  controllerOf,
  keyOf,
  kinds,
  type PersistentVolumeClaim,
  type PipelineRun,
  type Pod,
  type TaskRun,
} from '@tagboat/api';
import { freedBy } from '@tagboat/process';
import { deleteIfPresent, type ResourceStore } from '@tagboat/store';

interface CollectWorkspacesOptions {
  readonly store: ResourceStore;
  /** Where the files of a claim are. */
  readonly directoryOf: (claim: { readonly namespace: string; readonly name: string }) => string;
  /** Workspaces of runs that ended before then (milliseconds since the epoch) go. */
  readonly endedBefore: number;
}

/**
 * Removes the claims that runs made for themselves, when the run ended long ago and no other goes on with them. What the
 * run came to is kept elsewhere: results, logs, artifacts. The node removes the files of a claim that is gone.
 */
export async function collectWorkspaces({ store, directoryOf, endedBefore }: CollectWorkspacesOptions) {
  const [claims, runs, tasks, pods] = await Promise.all([
    store.list<PersistentVolumeClaim>(kinds.PersistentVolumeClaim),
    store.list<PipelineRun>(kinds.PipelineRun),
    store.list<TaskRun>(kinds.TaskRun),
    store.list<Pod>(kinds.Pod),
  ]);
  const owners = [...runs.items, ...tasks.items];
  const ended = new Map(
    owners.map(({ metadata, status }) => [metadata.uid, Date.parse(status?.completionTime ?? '')] as const),
  );
  const bound = (namespace: string | undefined, name: string | undefined) => `${namespace}/${name}`;
  const used = new Set([
    ...owners
      .filter(({ status }) => !status?.completionTime)
      .flatMap(({ metadata, spec }) =>
        (spec?.workspaces ?? []).map(({ persistentVolumeClaim }) =>
          bound(metadata.namespace, persistentVolumeClaim?.claimName),
        ),
      ),
    ...pods.items
      .filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
      .flatMap(({ metadata, spec }) =>
        (spec?.volumes ?? []).map(({ persistentVolumeClaim }) =>
          bound(metadata.namespace, persistentVolumeClaim?.claimName),
        ),
      ),
  ]);
  const result = { kept: 0, removed: 0, bytes: 0 };
  for (const claim of claims.items) {
    const { namespace = '', name } = claim.metadata;
    const owner = controllerOf(claim);
    if (owner?.kind !== 'PipelineRun' && owner?.kind !== 'TaskRun') continue;
    const end = ended.get(owner.uid);
    if (end === undefined || !(end < endedBefore) || used.has(bound(namespace, name))) {
      result.kept++;
      continue;
    }
    result.bytes += await freedBy(directoryOf({ namespace, name }));
    await deleteIfPresent(store, keyOf(kinds.PersistentVolumeClaim, claim));
    result.removed++;
  }
  return result;
}
