import {
  findCondition,
  kinds,
  type PipelineRun,
  type Repository,
  type ResourceKey,
  resultsOf,
  withCondition,
} from '@tagboat/api';
import { type Clock, canonicalJson, type Logger, TagboatError, timestamp } from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { type Model, outsideDeployment, retrainAnnotation, runAnnotations, runLabels } from '@tagboat/render';
import { mutate, mutateStatus, type ResourceStore } from '@tagboat/store';
import { ensureDeployment } from './deployment.ts';
import { answerDrift, isForDrift } from './drift.ts';
import { dueMinute, startRetraining, untilNext } from './retrain.ts';

export interface ModelRoomOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly registry: string;
  /** The URL of a repository that is hosted here. */
  readonly repositoryUrl: (project: string, name: string) => string;
  /** Where a model's deployment repository is, unless its spec says. */
  readonly deploymentUrl: (project: string, model: string) => string;
}

/** Keeps a model's deployment in place, and retrains it on its schedule and on request. */
export function modelController(options: ModelRoomOptions): Controller {
  return new Controller({
    name: 'model',
    reader: options.store,
    type: kinds.Model,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => reconcile(options, key) },
    watches: [
      {
        // Whoever deletes a deployment repository has an empty one again, to push a clone to.
        type: kinds.Repository,
        changesOnly: true,
        keys: ({ metadata, spec }, change) => {
          const model = metadata.labels?.[runLabels.model];
          return change === 'DELETED' && model && (spec as Repository['spec'])?.role === 'deployment'
            ? [{ type: kinds.Model, namespace: metadata.namespace ?? '', name: model }]
            : [];
        },
      },
      {
        type: kinds.PipelineRun,
        keys: ({ metadata }) => {
          const model = metadata.labels?.[runLabels.model];
          const relevant = ['retrain', 'candidate'].includes(metadata.labels?.[runLabels.kind] ?? '');
          return model && relevant
            ? [{ type: kinds.Model, namespace: metadata.namespace ?? '', name: model }]
            : [];
        },
      },
    ],
  });
}

async function reconcile(options: ModelRoomOptions, key: ResourceKey): Promise<Result> {
  const { store, clock } = options;
  const model = await store.get<Model>(key);
  if (!model?.spec || model.metadata.deletionTimestamp) return undefined;
  await deploy(options, key, model);
  await answerRequest(options, key, model);
  await reportRetraining(options, key, model);
  const drift = await answerDrift({ store, clock, settings: settingsFor(options, model) }, key, model);
  const schedule = model.spec.retrain.schedule;
  if (schedule) await runSchedule(options, key, { model, schedule });
  const wait = schedule ? untilNext(schedule, clock.now()) : undefined;
  const next = [drift, wait].filter((time) => time !== undefined);
  return next.length === 0 ? undefined : { again: Math.min(...next) };
}

/** Makes what deploys the model, or says by a condition why that cannot be. */
async function deploy(options: ModelRoomOptions, key: ResourceKey, model: Model): Promise<void> {
  const { store, clock } = options;
  const problem = await ensureDeployment(store, model, options).then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof TagboatError && error.reason === 'NameTaken') return error;
      throw error;
    },
  );
  if (!problem && !findCondition(model.status?.conditions, 'Deployable')) return;
  const { reason = 'Deployable', message = '' } = problem ?? {};
  await mutateStatus<Model>(store, key, (draft) => {
    const before = draft.status?.conditions ?? [];
    const status = problem ? 'False' : 'True';
    const conditions = withCondition(
      before,
      { type: 'Deployable', status, reason, message },
      timestamp(clock),
    );
    if (canonicalJson(conditions) === canonicalJson(before)) return false;
    draft.status = { ...draft.status, conditions };
    return undefined;
  });
}

function settingsFor(options: ModelRoomOptions, model: Model) {
  const outside = outsideDeployment(model.spec);
  const project = model.metadata.namespace ?? '';
  return {
    registry: options.registry,
    cloneUrl: options.repositoryUrl(project, model.spec?.repository ?? ''),
    deploymentUrl: outside ?? options.deploymentUrl(project, model.metadata.name),
  };
}

async function answerRequest(options: ModelRoomOptions, key: ResourceKey, model: Model): Promise<void> {
  const requested = model.metadata.annotations?.[retrainAnnotation];
  if (requested === undefined) return;
  const run = await startRetraining(options.store, model, {
    identity: requested,
    settings: settingsFor(options, model),
  });
  // Asked again when the repository's refs are known: who asked waits for a run.
  if (!run) return;
  await mutate<Model>(options.store, key, (draft) => {
    if (draft.metadata.annotations?.[retrainAnnotation] !== requested) return false;
    delete draft.metadata.annotations[retrainAnnotation];
    return undefined;
  });
}

async function runSchedule(
  options: ModelRoomOptions,
  key: ResourceKey,
  { model, schedule }: { model: Model; schedule: string },
): Promise<void> {
  const { store, clock } = options;
  const since = Date.parse(model.status?.lastScheduled ?? model.metadata.creationTimestamp ?? '');
  const due = dueMinute(schedule, since, clock.now());
  if (due === undefined) return;
  const minute = new Date(due).toISOString();
  const run = await startRetraining(store, model, {
    identity: `schedule ${minute}`,
    settings: settingsFor(options, model),
  });
  if (!run) return;
  await mutateStatus<Model>(store, key, (draft) => {
    draft.status = { ...draft.status, lastScheduled: minute };
  });
}

/** What the newest retraining came to, in words. */
async function reportRetraining(options: ModelRoomOptions, key: ResourceKey, model: Model): Promise<void> {
  const { store, clock } = options;
  const { items } = await store.list<PipelineRun>(kinds.PipelineRun, {
    namespace: key.namespace,
    labels: [
      { key: runLabels.model, operator: 'In', values: [key.name] },
      { key: runLabels.kind, operator: 'In', values: ['retrain', 'candidate'] },
    ],
  });
  const newest = items
    .filter(({ status }) => status?.completionTime)
    .sort((a, b) => ((a.status?.completionTime ?? '') < (b.status?.completionTime ?? '') ? 1 : -1))[0];
  if (!newest) return;
  const summary = summarise(newest);
  // The branch moved under the candidate: look again from where it is now, once per candidate.
  if (summary.outcome === 'Moved')
    await startRetraining(store, model, {
      identity: `after ${newest.metadata.name}`,
      settings: settingsFor(options, model),
    });
  const at = newest.status?.completionTime ?? timestamp(clock);
  await mutateStatus<Model>(store, key, (draft) => {
    const before = draft.status?.lastRetrain;
    if (before?.at === at && before.outcome === summary.outcome) return false;
    draft.status = { ...draft.status, lastRetrain: { at, ...summary } };
    return undefined;
  });
}

/** The outcome of a finished retrain or candidate run. */
export function summarise(run: PipelineRun): { outcome: string; message: string } {
  const succeeded = findCondition(run.status?.conditions, 'Succeeded');
  const results = resultsOf(run);
  const verdict = results['evaluate-verdict'];
  if (succeeded?.status !== 'True')
    return { outcome: 'Refused', message: succeeded?.message ?? 'the run failed' };
  if (run.metadata.labels?.[runLabels.kind] === 'retrain')
    return results['candidate-outcome'] === 'Candidate'
      ? { outcome: 'Candidate', message: `candidate ${results['candidate-commit']?.slice(0, 10)}` }
      : { outcome: 'NothingNew', message: nothingNew(run) };
  const tag = results['tag-tag'];
  return {
    outcome: results['tag-outcome'] ?? 'Done',
    message: `${tag ? `tagged ${tag}; ` : ''}${verdict ?? ''}`,
  };
}

const nothingNew = ({ metadata }: PipelineRun) =>
  isForDrift(metadata.annotations?.[runAnnotations.requested])
    ? 'drifting, nothing new to learn from: the data has not changed'
    : 'nothing new: the data has not changed';
