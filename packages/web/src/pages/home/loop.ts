import { type Condition, findCondition, type Repository } from '@tagboat/api';
import type { Model } from '@tagboat/render/model-spec';
import type { RunSummary } from '@tagboat/render/run-summary';
import { Cron } from 'croner';
import { type StatusName, statusNamed } from '../../components/status.tsx';
import { outcomeWords } from '../../data/outcome-words.ts';
import type { Application, InferenceService } from '../../data/platform-kinds.ts';
import { applicationLabels } from '../../data/platform-kinds.ts';

/** One station of a model's loop, as it is now. */
export interface Stage {
  readonly name: string;
  /** Absent: nothing has happened here yet. */
  readonly status?: StatusName;
  readonly main: string;
  readonly mono?: boolean;
  readonly detail?: string;
  /** What is said beside the age. */
  readonly note?: string;
  /** RFC 3339: when it became so, or when it will. */
  readonly at?: string;
  readonly to?: string;
}

export interface Loop {
  readonly project: string;
  readonly model: string;
  readonly stages: readonly Stage[];
  readonly environments: readonly Environment[];
  readonly newest?: RunSummary;
  readonly refused?: string;
  /** What the inputs' drift is, while they drift. */
  readonly drifting?: string;
}

export interface Environment {
  readonly name: string;
  readonly namespace: string;
  readonly application?: Application;
  readonly service?: InferenceService;
  readonly tag?: string;
  readonly health: StatusName;
}

export interface Traffic {
  /** Requests per minute. */
  readonly rate: number;
  /** Share of answers that were errors, from 0 to 1. */
  readonly errors: number;
}

export interface LoopInputs {
  readonly repositories: readonly Repository[];
  /** The newest of each model and kind. */
  readonly runs: readonly RunSummary[];
  readonly services: readonly InferenceService[];
  readonly applications: readonly Application[];
  /** By `namespace/name`; absent where it is not known. */
  readonly traffic: ReadonlyMap<string, Traffic> | undefined;
  readonly commits: ReadonlyMap<string, { readonly message: string; readonly date: string }>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const tagAnnotation = 'tagboat.dev/tag';

/** A model's loop from commit to the next retraining. */
export function loopOf(model: Model, inputs: LoopInputs): Loop {
  const project = model.metadata.namespace ?? '';
  const { name } = model.metadata;
  const ofModel = inputs.runs.filter((run) => run.project === project && run.model === name);
  const newest = ofModel.find(({ kind }) => kind === 'release');
  const environments = environmentsOf(model, inputs);
  return {
    project,
    model: name,
    environments,
    ...(newest ? { newest } : {}),
    ...(model.status?.lastRetrain?.outcome === 'Refused'
      ? { refused: model.status.lastRetrain.message }
      : {}),
    ...driftingOf(model),
    stages: [
      commitStage(model, ofModel, inputs),
      tagStage(model, newest),
      runStage(newest),
      imageStage(newest),
      ...environments.map((environment) => environmentStage(environment)),
      trafficStage(model, environments, inputs.traffic),
      driftStage(model),
      retrainStage(model, inputs.now),
    ],
  };
}

const runPage = (run: RunSummary) => `/runs/${run.project}/${run.name}`;

/** The commit at the head of the default branch, and what its check said. */
export function headOf(model: Model, repositories: readonly Repository[]): string | undefined {
  const repository = repositories.find(
    ({ metadata }) =>
      metadata.namespace === model.metadata.namespace && metadata.name === model.spec?.repository,
  );
  return repository?.status?.refs?.[`refs/heads/${repository.status.defaultBranch ?? 'main'}`];
}

function commitStage(model: Model, runs: readonly RunSummary[], inputs: LoopInputs): Stage {
  const head = headOf(model, inputs.repositories);
  if (!head) return { name: 'Commit', main: 'none yet', detail: 'git push' };
  const check = runs.find(({ kind, commit }) => kind === 'check' && commit === head);
  const commit = inputs.commits.get(head);
  return {
    name: 'Commit',
    status: check ? check.state : 'succeeded',
    main: head.slice(0, 7),
    mono: true,
    ...(commit
      ? { detail: commit.message.split('\n')[0]!, at: commit.date }
      : check
        ? { at: check.created }
        : {}),
    to: `/projects/${model.metadata.namespace}/${model.spec?.repository}`,
  };
}

function tagStage(model: Model, newest: RunSummary | undefined): Stage {
  const to = `/projects/${model.metadata.namespace}/${model.spec?.repository}`;
  if (!newest?.tag) return { name: 'Tag', main: 'none yet', detail: 'git push a tag', to };
  return { name: 'Tag', status: 'succeeded', main: newest.tag, mono: true, at: newest.created, to };
}

const runWords: Readonly<Record<RunSummary['state'], string>> = {
  pending: 'waits',
  running: 'running',
  succeeded: 'passed',
  failed: 'failed',
  cancelled: 'cancelled',
  superseded: 'superseded',
};

function runStage(newest: RunSummary | undefined): Stage {
  if (!newest) return { name: 'Run', main: 'none yet' };
  return {
    name: 'Run',
    status: newest.state,
    main: runWords[newest.state],
    at: newest.completed ?? newest.started ?? newest.created,
    to: runPage(newest),
  };
}

function imageStage(newest: RunSummary | undefined): Stage {
  if (!newest?.image) return { name: 'Image', main: newest?.state === 'running' ? 'being made' : 'none yet' };
  return {
    name: 'Image',
    status: 'succeeded',
    main: newest.image.replace('sha256:', '').slice(0, 8),
    mono: true,
    ...(newest.completed ? { at: newest.completed } : {}),
    to: `/images?repository=${newest.project}/${newest.model}`,
  };
}

function environmentsOf(model: Model, inputs: LoopInputs): Environment[] {
  const project = model.metadata.namespace ?? '';
  const { name } = model.metadata;
  return (model.spec?.deploy ?? []).map((target): Environment => {
    const application = inputs.applications.find(
      ({ metadata: { labels = {} } }) =>
        labels[applicationLabels.project] === project &&
        labels[applicationLabels.model] === name &&
        labels[applicationLabels.environment] === target.environment,
    );
    const namespace =
      application?.spec?.destination.namespace ?? target.namespace ?? `${project}-${target.environment}`;
    const service = inputs.services.find(
      ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
    );
    const tag = service?.metadata.annotations?.[tagAnnotation];
    return {
      name: target.environment,
      namespace,
      health: statusNamed(application?.status?.health?.status),
      ...(application ? { application } : {}),
      ...(service ? { service } : {}),
      ...(tag ? { tag } : {}),
    };
  });
}

function environmentStage({ name, application, service, tag, health }: Environment): Stage {
  const title = name.charAt(0).toUpperCase() + name.slice(1);
  const to = application ? `/deployments/${application.metadata.name}` : undefined;
  if (!service) return { name: title, main: 'nothing yet', ...(to ? { to } : {}) };
  const ready = findCondition(service.status?.conditions as Condition[] | undefined, 'Ready');
  const outOfSync = application?.status?.sync?.status === 'OutOfSync';
  return {
    name: title,
    status: outOfSync && health === 'healthy' ? 'outofsync' : health,
    main: tag ?? 'released',
    mono: true,
    detail: outOfSync ? 'out of sync' : health,
    ...(ready?.lastTransitionTime ? { at: ready.lastTransitionTime } : {}),
    ...(to ? { to } : {}),
  };
}

function trafficStage(
  model: Model,
  environments: readonly Environment[],
  traffic: LoopInputs['traffic'],
): Stage {
  const to = `/models/${model.metadata.namespace}/${model.metadata.name}`;
  const served = environments.filter(({ service }) => service);
  if (served.length === 0) return { name: 'Traffic', main: 'none yet' };
  if (!traffic) return { name: 'Traffic', main: 'not known', to };
  const each = served.map(({ namespace }) => traffic.get(`${namespace}/${model.metadata.name}`));
  const rate = each.reduce((sum, item) => sum + (item?.rate ?? 0), 0);
  const failing = each.reduce((sum, item) => sum + (item ? item.rate * item.errors : 0), 0);
  const errors = rate > 0 ? failing / rate : 0;
  return {
    name: 'Traffic',
    status: errors > 0.05 ? 'degraded' : rate > 0 ? 'healthy' : 'suspended',
    main: rate === 0 ? 'idle' : `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/min`,
    ...(rate > 0 ? { detail: `${(errors * 100).toFixed(errors > 0 ? 1 : 0)}% errors` } : {}),
    to,
  };
}

/** What the drift is, and what its retraining found. */
function driftingOf({ status }: Model): Pick<Loop, 'drifting'> {
  const condition = findCondition(status?.conditions, 'Drifting');
  if (condition?.status !== 'True') return {};
  const learnt = status?.lastRetrain?.message ?? '';
  const known = learnt.startsWith('drifting, ') ? learnt.slice('drifting, '.length) : '';
  return { drifting: [condition.message, known].filter(Boolean).join('; ') };
}

/** Why it is not known whether inputs drift, by the condition's reason. */
const unknownWords: Readonly<Record<string, string>> = {
  NotDeployed: 'nothing deployed',
  NoReference: 'no reference',
  TooFewRequests: 'too few requests',
};

/** Whether the inputs drift, and which feature is furthest from those of training. */
function driftStage(model: Model): Stage {
  const to = `/models/${model.metadata.namespace}/${model.metadata.name}?tab=drift`;
  const condition = findCondition(model.status?.conditions, 'Drifting');
  if (!condition)
    return {
      name: 'Drift',
      main: 'not watched',
      detail: 'monitor.drift in tagboat.yaml compares inputs with those of training',
      to,
    };
  const { status, reason = '', message, lastTransitionTime: at } = condition;
  const furthest = model.status?.drift;
  return {
    name: 'Drift',
    status: status === 'True' ? 'warning' : status === 'False' ? 'healthy' : 'unknown',
    main:
      status === 'True' ? 'drifting' : status === 'False' ? 'steady' : (unknownWords[reason] ?? 'not known'),
    ...(furthest ? { note: `${furthest.feature} ${furthest.score}` } : {}),
    ...(message ? { detail: message } : {}),
    ...(at ? { at } : {}),
    to,
  };
}

function retrainStage(model: Model, now: number): Stage {
  const schedule = model.spec?.retrain?.schedule;
  const last = model.status?.lastRetrain;
  const detail = last ? { detail: `last: ${outcomeWords(last.outcome)}` } : {};
  if (!schedule)
    return { name: 'Retraining', main: model.spec?.retrain?.onDrift ? 'on drift' : 'by hand', ...detail };
  const next = new Cron(schedule, { timezone: 'UTC', paused: true }).nextRun(new Date(now));
  return {
    name: 'Retraining',
    status: last?.outcome === 'Refused' ? 'warning' : 'pending',
    main: 'next',
    ...detail,
    ...(next ? { at: next.toISOString() } : {}),
  };
}
