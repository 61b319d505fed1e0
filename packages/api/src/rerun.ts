import { isReason, notFound, TagboatError } from '@tagboat/base';
import type { PipelineRun } from './tekton-pipeline-run.ts';
import type { WorkspaceBinding } from './tekton-task.ts';

/** On a PipelineRun: the run whose succeeded tasks need not run again. */
export const rerunOfAnnotation = 'tagboat.dev/rerun-of';
const supersededBy = 'tagboat.dev/superseded-by';
const mostReruns = 200;
const longestName = 63;

/**
 * Of a run that goes on from where another failed: the name of the claim that a workspace's template became there. What
 * the earlier tasks left in it is what the failed ones go on with. False: all of it runs again.
 */
export type FromFailed = ((binding: WorkspaceBinding) => string | undefined) | false;

/** The same run again, as `<name>-rN`. `number`: N. */
export function rerunOf(run: PipelineRun, number: number, fromFailed: FromFailed): PipelineRun {
  const { name, namespace, labels = {}, annotations = {} } = run.metadata;
  const keptLabels = Object.entries(labels).filter(
    ([key]) => !/^tekton\.dev\/(pipelineRun|pipelineRunUID)$/.test(key),
  );
  const kept = Object.entries(annotations).filter(
    ([key]) => key !== rerunOfAnnotation && key !== supersededBy && !key.startsWith('kubectl.'),
  );
  const suffix = `-r${number}`;
  const { status: _, workspaces, ...spec } = run.spec ?? {};
  const bindings = workspaces?.map((binding) => onSameClaim(binding, fromFailed));
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: `${name.replace(/-r\d+$/, '').slice(0, longestName - suffix.length)}${suffix}`,
      ...(namespace ? { namespace } : {}),
      ...(keptLabels.length > 0 ? { labels: Object.fromEntries(keptLabels) } : {}),
      annotations: { ...Object.fromEntries(kept), ...(fromFailed ? { [rerunOfAnnotation]: name } : {}) },
    },
    spec: { ...spec, ...(bindings ? { workspaces: bindings } : {}) },
  };
}

function onSameClaim(binding: WorkspaceBinding, fromFailed: FromFailed): WorkspaceBinding {
  const { volumeClaimTemplate, ...rest } = binding;
  const claimName = volumeClaimTemplate && fromFailed ? fromFailed(binding) : undefined;
  return claimName ? { ...rest, persistentVolumeClaim: { claimName } } : binding;
}

/**
 * Looks whether what the tasks of a run left is still there to go on with.
 * @param hasClaim whether there is a claim of this name
 * @throws `NotFound`
 */
export async function checkKept(
  run: PipelineRun,
  fromFailed: FromFailed,
  hasClaim: (name: string) => Promise<boolean>,
): Promise<void> {
  for (const binding of run.spec?.workspaces ?? []) {
    const name = binding.volumeClaimTemplate && fromFailed ? fromFailed(binding) : undefined;
    if (name !== undefined && !(await hasClaim(name)))
      throw notFound(`the files that ${run.metadata.name} left are not kept any more`, {
        hint: 'run all of it again; keep.workspaces in tagboat.config.yaml says how long they stay',
      });
  }
}

/**
 * Starts a run again under the next free name.
 * @throws `Conflict` where there are as many reruns of it as there may be
 */
export async function startRerun(
  create: (run: PipelineRun) => Promise<PipelineRun>,
  run: PipelineRun,
  fromFailed: FromFailed,
): Promise<PipelineRun> {
  const before = Number(/-r(\d+)$/.exec(run.metadata.name)?.[1] ?? 1);
  for (let number = before + 1; number < before + mostReruns; number++)
    try {
      return await create(rerunOf(run, number, fromFailed));
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
  throw new TagboatError(`${run.metadata.name} was run again ${mostReruns} times already`, {
    reason: 'Conflict',
  });
}
