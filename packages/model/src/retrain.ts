import { keyOf, kinds, type PipelineRun, type Repository } from '@tagboat/api';
import { deterministicName } from '@tagboat/base';
import { type Model, runAnnotations, runLabels, runSpec } from '@tagboat/render';
import { createIfAbsent, type ResourceStore } from '@tagboat/store';
import { Cron } from 'croner';

/** The newest minute up to `now` that the schedule names, after `since`; missed ones count once. */
export function dueMinute(schedule: string, since: number, now: number): number | undefined {
  const cron = new Cron(schedule, { timezone: 'UTC', paused: true });
  const [due] = cron.previousRuns(1, new Date(now + 1000));
  return due && due.getTime() > since && due.getTime() <= now ? due.getTime() : undefined;
}

/** Milliseconds from `now` to the next minute that the schedule names. */
export function untilNext(schedule: string, now: number): number | undefined {
  const next = new Cron(schedule, { timezone: 'UTC', paused: true }).nextRun(new Date(now));
  return next ? Math.max(1000, next.getTime() - now) : undefined;
}

export interface RetrainSettings {
  readonly registry: string;
  readonly deploymentUrl: string;
  readonly cloneUrl: string;
}

/** Starts the run that looks at the data anew, at the branch's head. `identity`: what asked for it. */
export async function startRetraining(
  store: ResourceStore,
  model: Model,
  { identity, settings }: { identity: string; settings: RetrainSettings },
): Promise<PipelineRun | undefined> {
  const project = model.metadata.namespace ?? '';
  const name = model.spec?.repository ?? '';
  const repository = await store.get<Repository>({ type: kinds.Repository, namespace: project, name });
  const branch = repository?.status?.defaultBranch ?? 'main';
  const commit = repository?.status?.refs?.[`refs/heads/${branch}`];
  if (!repository || !commit || !model.spec) return undefined;
  const run: PipelineRun = {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: deterministicName(`${model.metadata.name}-retrain`, [project, model.metadata.name, identity]),
      namespace: project,
      labels: {
        [runLabels.repository]: name,
        [runLabels.model]: model.metadata.name,
        [runLabels.kind]: 'retrain',
      },
      annotations: {
        [runAnnotations.commit]: commit,
        [runAnnotations.tag]: 'retrain',
        [runAnnotations.requested]: identity,
      },
    },
    spec: runSpec('retrain', model.spec, {
      project,
      model: model.metadata.name,
      repositoryUrl: repository.status?.url ?? repository.spec?.url ?? '',
      cloneUrl: settings.cloneUrl,
      commit,
      tag: 'retrain',
      sequence: 0,
      branch,
      registry: settings.registry,
      deploymentUrl: settings.deploymentUrl,
    }),
  };
  return createIfAbsent(store, keyOf(kinds.PipelineRun, run), run);
}
