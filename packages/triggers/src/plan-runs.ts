import type { PipelineRun } from '@tagboat/api';
import { deterministicName, TagboatError } from '@tagboat/base';
import {
  type ModelFile,
  matchesTag,
  nextTag,
  outsideDeployment,
  type RunKind,
  runAnnotations,
  runLabels,
  runSpec,
  tagPrefixOf,
} from '@tagboat/render';
import { type PullEvent, senderOf, type TriggerEvent } from './trigger-event.ts';

/** What the runs of a repository have in common. */
export interface RunSettings {
  readonly registry: string;
  readonly deploymentUrl: (model: string) => string;
  /** All tags of the repository. */
  readonly tags: readonly string[];
  /** Why there is no container engine to build images with; undefined where there is one. */
  readonly noEngine?: string;
}

export interface PlannedRuns {
  readonly runs: readonly PipelineRun[];
  /** Why there are none. */
  readonly reason?: string;
  /** What a reader should know, such as a file that was passed over. */
  readonly notices?: readonly string[];
}

/** What makes the runs of an event its own: the same event always gives the same names. */
export function runIdentity(event: TriggerEvent): {
  readonly short: string;
  readonly parts: readonly string[];
} {
  const { ref, pull, comment, incoming } = event;
  const again = [
    ...(comment ? [`comment ${comment.index}`] : []),
    ...(incoming ? [`incoming ${incoming.id}`] : []),
  ];
  return {
    short: `${pull ? `pr-${pull.number}` : ref.short}${comment ? `-r${comment.index + 1}` : ''}`,
    parts: [event.repository, ref.ref, ref.commit, ...again],
  };
}

const kindOfRef: Readonly<Record<TriggerEvent['ref']['kind'], RunKind>> = {
  tag: 'release',
  branch: 'check',
  candidate: 'candidate',
  pull: 'pull',
};

/** Releases go before what people wait for, and that before what nobody watches. */
const priorities: Readonly<Record<RunKind, number>> = {
  release: 100,
  try: 90,
  pull: 60,
  check: 40,
  candidate: 20,
  retrain: 20,
};

interface AboutRun {
  readonly name: string;
  readonly kind?: RunKind | undefined;
  readonly labels?: Readonly<Record<string, string>>;
  /** Whether it ends older runs of its name and ref; default: what was pushed again makes older checks pointless. */
  readonly cancelsOlder?: boolean;
}

/** Labels and annotations of every run that is made for an event. */
export function runMetadata(
  event: TriggerEvent,
  about: AboutRun,
): { labels: Record<string, string>; annotations: Record<string, string> } {
  const { ref, pull, concurrencyLimit } = event;
  const kind = about.kind ?? kindOfRef[ref.kind];
  const cancelsOlder = about.cancelsOlder ?? (ref.kind === 'branch' || ref.kind === 'pull');
  return {
    labels: {
      ...about.labels,
      [runLabels.repository]: event.repository,
      [runLabels.kind]: kind,
      [runLabels.commit]: ref.commit.slice(0, 40),
      'pipelinesascode.tekton.dev/original-prname': labelValue(about.name),
      ...(pull ? pullLabels(pull) : {}),
    },
    annotations: {
      [runAnnotations.ref]: ref.ref,
      [runAnnotations.commit]: ref.commit,
      [runAnnotations.tag]: ref.short,
      [runAnnotations.name]: about.name,
      [runAnnotations.author]: senderOf(event),
      [runAnnotations.priority]: String(priorities[kind]),
      ...(concurrencyLimit
        ? { [runAnnotations.queue]: event.repository, [runAnnotations.queueLimit]: String(concurrencyLimit) }
        : {}),
      ...(cancelsOlder ? { [runAnnotations.cancelInProgress]: about.name } : {}),
    },
  };
}

const pullLabels = ({ number, untrusted }: PullEvent): Record<string, string> => ({
  [runLabels.pullRequest]: String(number),
  'pipelinesascode.tekton.dev/pull-request': String(number),
  ...(untrusted ? { [runLabels.untrusted]: 'true' } : {}),
});

/** A text as the value of a label. */
export const labelValue = (text: string) =>
  text
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');

/** The runs that one event calls for, by the models its commit declares. */
export function runsForModels(
  settings: RunSettings,
  event: TriggerEvent,
  { models, sequence }: { models: readonly ModelFile[]; sequence: number },
): PlannedRuns {
  const { ref, pull, comment } = event;
  const plan = (model: ModelFile, kind: RunKind) => runFor(settings, event, { model, kind, sequence });
  const only = comment?.only;
  if (comment?.custom) return { runs: [], reason: 'no run waits for comments like this' };
  if (pull?.untrusted)
    return {
      runs: models.slice(0, 1).map((model) => plan(model, 'check')),
      notices: ['code from outside the project is checked, and not trained'],
    };
  if (pull)
    return {
      runs: models
        .filter(({ name }) => only === undefined || only === name)
        .map((model) => plan(model, 'pull')),
    };
  const named = models.filter(({ name }) => only === undefined || only === name);
  if (named.length === 0 && only !== undefined) return { runs: [], reason: `no model is called "${only}"` };
  if (ref.kind === 'branch') return { runs: named.slice(0, 1).map((model) => plan(model, 'check')) };
  if (ref.kind === 'candidate') {
    const [name] = ref.short.split('/');
    const model = models.find((candidate) => candidate.name === name);
    return model
      ? { runs: [plan(model, 'candidate')] }
      : { runs: [], reason: `the candidate names no model: ${name}` };
  }
  const wanted = named.filter((model) => matchesTag(ref.short, model.spec.tags));
  if (wanted.length === 0)
    return {
      runs: [],
      reason: `no model's tags match: ${models.map(({ name, spec }) => `${name} (${spec.tags.join(', ')})`).join('; ')}`,
    };
  return { runs: wanted.map((model) => plan(model, 'release')) };
}

function runFor(
  settings: RunSettings,
  event: TriggerEvent,
  { model, kind, sequence }: { model: ModelFile; kind: RunKind; sequence: number },
): PipelineRun {
  const { ref, pull } = event;
  const prefix = tagPrefixOf(model);
  const tag = pull ? `pr-${pull.number}` : kind === 'candidate' ? ref.commit.slice(0, 10) : ref.short;
  const run = emptyRun(event, {
    name: `${model.name}-${pull ? runIdentity(event).short : withoutPrefix(tag, prefix)}`,
    identity: model.name,
    kind,
    labels: { [runLabels.model]: model.name },
  });
  const spec = runSpec(kind, model.spec, {
    project: event.project,
    model: model.name,
    repositoryUrl: event.repositoryUrl,
    cloneUrl: event.cloneUrl,
    commit: ref.commit,
    tag,
    sequence,
    branch: pull?.targetBranch ?? event.defaultBranch,
    registry: settings.registry,
    deploymentUrl: outsideDeployment(model.spec) ?? settings.deploymentUrl(model.name),
    ...(kind === 'candidate' ? { nextTag: nextTag(settings.tags, prefix) } : {}),
  });
  return {
    ...run,
    spec: pull?.untrusted ? forOutsiders(spec) : spec,
    metadata: {
      ...run.metadata,
      annotations: { ...run.metadata.annotations, [runAnnotations.tag]: tag, ...noticesOf(model.notices) },
    },
  };
}

/** The prefix of a repository's several models says their name, as the run's does already. */
const withoutPrefix = (tag: string, prefix: string) =>
  tag.startsWith(prefix) ? tag.slice(prefix.length) : tag;

export const noticesOf = (notices: readonly string[]): Record<string, string> =>
  notices.length > 0 ? { [runAnnotations.notices]: notices.join('; ') } : {};

/** The run of an outside contributor's code: each claim is the run's own, and it gets none of the project's Secrets. */
export function forOutsiders(spec: NonNullable<PipelineRun['spec']>): NonNullable<PipelineRun['spec']> {
  const own = spec.workspaces?.find(({ volumeClaimTemplate }) => volumeClaimTemplate);
  const { pipelineSpec } = spec;
  const tasks = (pipelineSpec?.tasks ?? []).map(({ taskSpec, ...task }) => ({
    ...task,
    ...(taskSpec
      ? { taskSpec: { ...taskSpec, steps: (taskSpec.steps ?? []).map(({ envFrom: _, ...step }) => step) } }
      : {}),
  }));
  return {
    ...spec,
    ...(pipelineSpec ? { pipelineSpec: { ...pipelineSpec, tasks } } : {}),
    workspaces: (spec.workspaces ?? []).map(({ name }) => ({ ...own, name })),
  };
}

function emptyRun(
  event: TriggerEvent,
  about: { name: string; identity: string; kind: RunKind; labels?: Readonly<Record<string, string>> },
): PipelineRun {
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: deterministicName(
        `${about.name}${about.kind === 'release' || about.kind === 'pull' ? '' : `-${about.kind}`}`,
        [...runIdentity(event).parts, about.identity],
      ),
      namespace: event.project,
      ...runMetadata(event, { ...about, name: about.identity }),
    },
  };
}

/** The run that shows a configuration that cannot be read: it never starts. */
export function failedRun(event: TriggerEvent): PipelineRun {
  const run = emptyRun(event, {
    name: `${event.repository}-${runIdentity(event).short}`,
    identity: 'configuration',
    kind: kindOfRef[event.ref.kind],
  });
  return { ...run, spec: { pipelineSpec: { tasks: [] }, status: 'PipelineRunPending' } };
}

/** Whether an error is about the files of the repository, so that a run can show it. */
export function isConfigurationError(error: unknown): error is TagboatError {
  return error instanceof TagboatError && error.reason === 'Invalid';
}
