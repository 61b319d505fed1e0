import { type CommitStatus, type CommitStatusSpec, commitStatusLabels, keyOf, kinds } from '@tagboat/api';
import { deterministicName } from '@tagboat/base';
import { applySpec, type ResourceStore } from '@tagboat/store';

/** The object that says one thing of one commit; said again under the same context it is replaced. */
export function commitStatus({ namespace, ...spec }: CommitStatusSpec & { namespace: string }): CommitStatus {
  return {
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'CommitStatus',
    metadata: {
      name: deterministicName(`${spec.repository}-${spec.context}`, [
        spec.repository,
        spec.commit,
        spec.context,
      ]),
      namespace,
      labels: {
        [commitStatusLabels.repository]: spec.repository,
        [commitStatusLabels.commit]: spec.commit.slice(0, 40),
      },
    },
    spec,
  };
}

/** Stores a status, unless it says the same as the one that is there. */
export async function writeStatus(store: ResourceStore, status: CommitStatus): Promise<void> {
  const key = keyOf(kinds.CommitStatus, status);
  const before = await store.get<CommitStatus>(key);
  const said = (spec: CommitStatusSpec | undefined) =>
    JSON.stringify([spec?.state, spec?.description, spec?.targetUrl, spec?.pipelineRun]);
  if (before && said(before.spec) === said(status.spec)) return;
  await applySpec(store, key, status);
}
