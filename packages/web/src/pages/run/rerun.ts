import { kinds, type PipelineRun, type TaskRun, type WorkspaceBinding } from '@tagboat/api';
import { isReason, TagboatError } from '@tagboat/base';
import type { Client } from '@tagboat/client';

/** On a PipelineRun: the run whose succeeded tasks need not run again. */
const rerunOf = 'tagboat.dev/rerun-of';
const mostReruns = 200;
const longestName = 63;

/** Where a rerun takes over what succeeded: the task runs of the first, whose volumes it goes on with. */
export type FromFailed = { readonly taskRuns: readonly TaskRun[] } | false;

/** The same run again, as `<name>-rN`. `number`: N. */
export function rerunOfRun(run: PipelineRun, number: number, fromFailed: FromFailed): PipelineRun {
  const { name, namespace, labels, annotations } = run.metadata;
  const kept = Object.entries(annotations ?? {}).filter(
    ([key]) => key !== rerunOf && !key.startsWith('kubectl.') && key !== 'tagboat.dev/superseded-by',
  );
  const suffix = `-r${number}`;
  const { status: _, workspaces, ...spec } = run.spec ?? {};
  const bindings = fromFailed
    ? workspaces?.map((binding) => onSameClaim(run, fromFailed.taskRuns, binding))
    : workspaces;
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: `${name.replace(/-r\d+$/, '').slice(0, longestName - suffix.length)}${suffix}`,
      ...(namespace ? { namespace } : {}),
      ...(labels ? { labels } : {}),
      annotations: { ...Object.fromEntries(kept), ...(fromFailed ? { [rerunOf]: name } : {}) },
    },
    spec: { ...spec, ...(bindings ? { workspaces: bindings } : {}) },
  };
}

/** What the earlier tasks left in a volume of the run is what the failed ones go on with. */
function onSameClaim(
  run: PipelineRun,
  taskRuns: readonly TaskRun[],
  binding: WorkspaceBinding,
): WorkspaceBinding {
  const { volumeClaimTemplate, ...rest } = binding;
  if (!volumeClaimTemplate) return binding;
  const tasks = run.status?.pipelineSpec?.tasks ?? run.spec?.pipelineSpec?.tasks ?? [];
  for (const { metadata, spec } of taskRuns) {
    const task = tasks.find(({ name }) => name === metadata.labels?.['tekton.dev/pipelineTask']);
    const own = task?.workspaces?.find(({ name, workspace = name }) => workspace === binding.name)?.name;
    const bound = spec?.workspaces?.find(
      ({ name, persistentVolumeClaim }) => name === own && persistentVolumeClaim,
    );
    if (bound?.persistentVolumeClaim) return { ...rest, persistentVolumeClaim: bound.persistentVolumeClaim };
  }
  return binding;
}

/** Starts a run again under the next free name. @returns the new run's name */
export async function startRerun(
  client: Pick<Client, 'create'>,
  run: PipelineRun,
  fromFailed: FromFailed,
): Promise<string> {
  const before = Number(/-r(\d+)$/.exec(run.metadata.name)?.[1] ?? 1);
  for (let number = before + 1; number < before + mostReruns; number++)
    try {
      const created = await client.create(kinds.PipelineRun, rerunOfRun(run, number, fromFailed));
      return created.metadata.name;
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
  throw new TagboatError(`${run.metadata.name} was run again ${mostReruns} times already`, {
    reason: 'Conflict',
  });
}
