import {
  checkKept,
  kinds,
  type PipelineRun,
  rerunOf,
  startRerun as start,
  type TaskRun,
  type WorkspaceBinding,
} from '@tagboat/api';
import type { Client } from '@tagboat/client';

/** Where a rerun takes over what succeeded: the task runs of the first, whose volumes it goes on with. */
export type FromFailed = { readonly taskRuns: readonly TaskRun[] } | false;

const claims = (run: PipelineRun, fromFailed: FromFailed) =>
  fromFailed && ((binding: WorkspaceBinding) => claimOf(run, fromFailed.taskRuns, binding));

/** The same run again, as `<name>-rN`. `number`: N. */
export const rerunOfRun = (run: PipelineRun, number: number, fromFailed: FromFailed): PipelineRun =>
  rerunOf(run, number, claims(run, fromFailed));

/** The claim that a task of the run bound for a workspace of it. */
function claimOf(
  run: PipelineRun,
  taskRuns: readonly TaskRun[],
  binding: WorkspaceBinding,
): string | undefined {
  const tasks = run.status?.pipelineSpec?.tasks ?? run.spec?.pipelineSpec?.tasks ?? [];
  for (const { metadata, spec } of taskRuns) {
    const task = tasks.find(({ name }) => name === metadata.labels?.['tekton.dev/pipelineTask']);
    const own = task?.workspaces?.find(({ name, workspace = name }) => workspace === binding.name)?.name;
    const bound = spec?.workspaces?.find(
      ({ name, persistentVolumeClaim }) => name === own && persistentVolumeClaim,
    );
    if (bound?.persistentVolumeClaim) return bound.persistentVolumeClaim.claimName;
  }
  return undefined;
}

/** Starts a run again under the next free name. @returns the new run's name @throws as `checkKept` and `startRerun` of the API */
export async function startRerun(
  client: Pick<Client, 'create' | 'get'>,
  run: PipelineRun,
  fromFailed: FromFailed,
): Promise<string> {
  const { namespace = '' } = run.metadata;
  await checkKept(
    run,
    claims(run, fromFailed),
    async (name) => !!(await client.get({ type: kinds.PersistentVolumeClaim, namespace, name })),
  );
  const started = await start(
    (again) => client.create(kinds.PipelineRun, again),
    run,
    claims(run, fromFailed),
  );
  return started.metadata.name;
}
