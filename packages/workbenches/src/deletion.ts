import { keyOf, kinds, type Notebook, notebookAnnotations, ownedBy, type Pod } from '@tagboat/api';
import { shortened } from '@tagboat/base';
import { createIfAbsent, deleteIfPresent, mutate } from '@tagboat/store';
import { claimsOf } from './pod-of.ts';
import type { WorkbenchOptions } from './workbench-controller.ts';

/** Keeps a Notebook until a snapshot of its files is in the registry. */
export const snapshotFinalizer = 'tagboat.dev/workbench-snapshot';

export type DeletionStep =
  | { readonly kind: 'done' }
  | { readonly kind: 'wait'; readonly message: string; readonly again: number };

/** The registry repository of a workbench's snapshots. */
export const snapshotRepository = (namespace: string, name: string) => `${namespace}/workbenches/${name}`;

/** The tag of the snapshot made when a workbench was deleted: the same however often it is tried. */
export const snapshotTag = (notebook: Notebook) =>
  (notebook.metadata.deletionTimestamp ?? '').replaceAll(/[^0-9TZ]/g, '');

/**
 * One step of deleting a workbench whose pod is gone: a snapshot of each claim, then the claims, then the finalizer. A
 * snapshot that fails keeps everything as it is; the annotation `on-delete: discard` goes on without one.
 */
export async function deletionStep(options: WorkbenchOptions, notebook: Notebook): Promise<DeletionStep> {
  const { store } = options;
  if (!notebook.metadata.finalizers?.includes(snapshotFinalizer)) return { kind: 'done' };
  const { namespace = '' } = notebook.metadata;
  const discard = notebook.metadata.annotations?.[notebookAnnotations.onDelete] === 'discard';
  for (const claim of claimsOf(notebook)) {
    const key = { type: kinds.PersistentVolumeClaim, namespace, name: claim };
    if (!(await store.get(key))) continue;
    if (!discard) {
      const pod = snapshotPod(options, notebook, claim);
      const stored = await createIfAbsent(store, keyOf(kinds.Pod, pod), pod);
      const phase = stored.status?.phase;
      if (phase === 'Failed') {
        await deleteIfPresent(store, keyOf(kinds.Pod, pod));
        const why =
          stored.status?.containerStatuses?.[0]?.state?.terminated?.message ?? stored.status?.message ?? '';
        const message = `the snapshot failed, so nothing is deleted: ${why}; it is tried again in a minute`;
        return { kind: 'wait', message, again: 60_000 };
      }
      if (phase !== 'Succeeded')
        return { kind: 'wait', message: 'makes a snapshot of the files', again: 500 };
    }
    await deleteIfPresent(store, key);
  }
  await mutate<Notebook>(store, keyOf(kinds.Notebook, notebook), (draft) => {
    draft.metadata.finalizers = (draft.metadata.finalizers ?? []).filter(
      (name) => name !== snapshotFinalizer,
    );
  });
  return { kind: 'done' };
}

function snapshotPod(options: WorkbenchOptions, notebook: Notebook, claim: string): Pod {
  const { name, namespace = '' } = notebook.metadata;
  const path = '/workspace/files';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: shortened(`${name}-snapshot-${claim}`),
      namespace,
      ownerReferences: [ownedBy(notebook)],
    },
    spec: {
      restartPolicy: 'Never',
      volumes: [{ name: 'files', persistentVolumeClaim: { claimName: claim } }],
      containers: [
        {
          name: 'snapshot',
          image: 'tagboat',
          command: ['tagboat'],
          args: ['step', 'workbench-snapshot'],
          volumeMounts: [{ name: 'files', mountPath: path, readOnly: true }],
          env: [
            { name: 'TAGBOAT_SNAPSHOT_FILES', value: path },
            { name: 'TAGBOAT_SNAPSHOT_REPOSITORY', value: snapshotRepository(namespace, name) },
            { name: 'TAGBOAT_SNAPSHOT_TAG', value: snapshotTag(notebook) },
            { name: 'TAGBOAT_REGISTRY', value: options.registry },
          ],
        },
      ],
    },
  };
}
