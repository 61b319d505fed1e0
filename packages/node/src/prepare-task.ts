import { join } from 'node:path';
import { type Container, type Pod, type PodSteps, podStepsAnnotation } from '@tagboat/api';
import type { NodeContext } from './context.ts';
import { maskedValues } from './masked-values.ts';
import { type Credentials, readCredentials } from './step-credentials.ts';
import { makeDirectories, type TektonDirectories } from './step-directories.ts';
import type { StepFiles } from './step-files.ts';
import { EarlierSteps } from './step-values.ts';
import { PodVolumes } from './volumes.ts';

/** A task whose volumes and directories are there: its steps may start. */
export interface PreparedTask {
  readonly plan: PodSteps;
  readonly containers: ReadonlyMap<string, Container>;
  readonly directories: TektonDirectories;
  readonly earlier: EarlierSteps;
  readonly credentials: Credentials | undefined;
}

/** What the steps of a task's pod shall do, as its annotation says. */
export const planOf = (pod: Pod): PodSteps =>
  JSON.parse(pod.metadata.annotations?.[podStepsAnnotation] ?? '{"steps":[],"results":[]}') as PodSteps;

/** Makes what a task's steps find when they start: volumes, `/tekton`, credentials. */
export async function prepareTask(
  { context, pod, volumes }: { context: NodeContext; pod: Pod; volumes: PodVolumes },
  files: StepFiles,
): Promise<PreparedTask> {
  const plan = planOf(pod);
  const containers = new Map((pod.spec?.containers ?? []).map((container) => [container.name, container]));
  await volumes.prepare(pod);
  const own = context.layout.pod(pod.metadata.uid ?? '');
  files.prepare();
  const names = plan.credentials ?? [];
  const credentials = names.length > 0 ? await readCredentials(context.store, pod, names) : undefined;
  volumes.secrets.push(...(credentials?.secrets ?? []), ...(await maskedValues(context.store, pod)));
  const first = containers.get(plan.steps[0]?.container ?? '');
  const mounts = first ? volumes.mounts(first) : [];
  const behind = (path: string) => PodVolumes.hostPath(mounts, path) ?? join(own, path);
  if (!volumes.has('tekton-creds')) volumes.addDirectory('tekton-creds', join(own, 'creds'));
  const directories = makeDirectories(plan.steps, {
    results: behind('/tekton/results'),
    artifacts: behind('/tekton/artifacts'),
    steps: behind('/tekton/steps'),
    run: behind('/tekton/run'),
    creds: volumes.directory('tekton-creds'),
    isolated: context.driver.isolatesFiles,
  });
  const earlier = new EarlierSteps(directories, context.layout.results);
  return { plan, containers, directories, credentials, earlier };
}
