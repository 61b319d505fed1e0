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
} from '@tagboat/render';
import type { RefToHandle } from './plan-triggers.ts';

/** What the runs of a repository have in common. */
export interface RunSettings {
  readonly project: string;
  readonly repository: string;
  readonly repositoryUrl: string;
  /** Where runs clone from. */
  readonly cloneUrl: string;
  readonly defaultBranch: string;
  readonly registry: string;
  readonly deploymentUrl: (model: string) => string;
  /** All tags of the repository. */
  readonly tags: readonly string[];
}

export interface PlannedRuns {
  readonly runs: readonly PipelineRun[];
  /** Why there are none. */
  readonly reason?: string;
}

/** The runs that one ref calls for, by the models its commit declares. */
export function runsForModels(
  settings: RunSettings,
  ref: RefToHandle,
  models: readonly ModelFile[],
  sequence: number,
): PlannedRuns {
  if (ref.kind === 'branch')
    return {
      runs: models.slice(0, 1).map((model) => runFor(settings, ref, { model, kind: 'check', sequence })),
    };
  if (ref.kind === 'candidate') {
    const [name] = ref.short.split('/');
    const model = models.find((candidate) => candidate.name === name);
    return model
      ? { runs: [runFor(settings, ref, { model, kind: 'candidate', sequence })] }
      : { runs: [], reason: `the candidate names no model: ${name}` };
  }
  const wanted = models.filter((model) => matchesTag(ref.short, model.spec.tags));
  if (wanted.length === 0)
    return {
      runs: [],
      reason: `no model's tags match: ${models.map(({ name, spec }) => `${name} (${spec.tags.join(', ')})`).join('; ')}`,
    };
  return { runs: wanted.map((model) => runFor(settings, ref, { model, kind: 'release', sequence })) };
}

function runFor(
  settings: RunSettings,
  ref: RefToHandle,
  { model, kind, sequence }: { model: ModelFile; kind: RunKind; sequence: number },
): PipelineRun {
  const prefix = model.spec.tags.some((pattern) => pattern.startsWith(`${model.name}@`))
    ? `${model.name}@`
    : '';
  const tag = kind === 'candidate' ? ref.commit.slice(0, 10) : ref.short;
  return {
    ...emptyRun(settings, ref, { kind, name: `${model.name}-${tag}`, identity: model.name }),
    spec: runSpec(kind, model.spec, {
      project: settings.project,
      model: model.name,
      repositoryUrl: settings.repositoryUrl,
      cloneUrl: settings.cloneUrl,
      commit: ref.commit,
      tag,
      sequence,
      branch: settings.defaultBranch,
      registry: settings.registry,
      deploymentUrl: outsideDeployment(model.spec) ?? settings.deploymentUrl(model.name),
      ...(kind === 'candidate' ? { nextTag: nextTag(settings.tags, prefix) } : {}),
    }),
    metadata: {
      ...emptyRun(settings, ref, { kind, name: `${model.name}-${tag}`, identity: model.name }).metadata,
      labels: {
        [runLabels.repository]: settings.repository,
        [runLabels.model]: model.name,
        [runLabels.kind]: kind,
      },
      annotations: {
        ...refAnnotations(ref),
        [runAnnotations.tag]: tag,
        ...(model.notices.length > 0 ? { [runAnnotations.notices]: model.notices.join('; ') } : {}),
      },
    },
  };
}

const refAnnotations = (ref: RefToHandle) => ({
  [runAnnotations.ref]: ref.ref,
  [runAnnotations.commit]: ref.commit,
  [runAnnotations.tag]: ref.short,
});

function emptyRun(
  settings: RunSettings,
  ref: RefToHandle,
  about: { kind: RunKind; name: string; identity: string },
): PipelineRun {
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: deterministicName(`${about.name}${about.kind === 'release' ? '' : `-${about.kind}`}`, [
        settings.repository,
        ref.ref,
        ref.commit,
        about.identity,
      ]),
      namespace: settings.project,
      labels: { [runLabels.repository]: settings.repository, [runLabels.kind]: about.kind },
      annotations: refAnnotations(ref),
    },
  };
}

/** The run that shows a configuration that cannot be read: it never starts. */
export function failedRun(settings: RunSettings, ref: RefToHandle): PipelineRun {
  const kind = ref.kind === 'tag' ? 'release' : 'check';
  const run = emptyRun(settings, ref, {
    kind,
    name: `${settings.repository}-${ref.short}`,
    identity: 'configuration',
  });
  return { ...run, spec: { pipelineSpec: { tasks: [] }, status: 'PipelineRunPending' } };
}

/** Whether an error is about the files of the repository, so that a run can show it. */
export function isConfigurationError(error: unknown): error is TagboatError {
  return error instanceof TagboatError && error.reason === 'Invalid';
}
