import { failureAnnotation, findCondition, type PipelineRun } from '@tagboat/api';
import { runAnnotations, runLabels } from './run-labels.ts';

export type RunState = 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'superseded';

/** What a list shows of a run. */
export interface RunSummary {
  readonly uid: string;
  readonly project: string;
  readonly name: string;
  readonly repository?: string;
  readonly model?: string;
  /** What it is about: `release`, `check`, `retrain`, `candidate`, `try`. */
  readonly kind?: string;
  readonly tag?: string;
  readonly commit?: string;
  /** Digest of the image that it built. */
  readonly image?: string;
  /** What or who asked for it, where that was recorded. */
  readonly by?: string;
  readonly state: RunState;
  /** Tekton's reason. */
  readonly reason: string;
  /** Of a run that did not succeed: which task failed, in its step's own words, where that is known. */
  readonly message?: string;
  readonly created: string;
  readonly started?: string;
  readonly completed?: string;
}

/** Who pushed or asked, as triggers record it. */
const askedBy = ['tagboat.dev/author', 'tagboat.dev/sender', runAnnotations.requested] as const;

export function summariseRun(run: PipelineRun): RunSummary {
  const { metadata, status } = run;
  const { labels = {}, annotations = {} } = metadata;
  const condition = findCondition(status?.conditions, 'Succeeded');
  const optional = {
    repository: labels[runLabels.repository],
    model: labels[runLabels.model],
    kind: labels[runLabels.kind],
    tag: annotations[runAnnotations.tag],
    commit: annotations[runAnnotations.commit],
    image: status?.results?.find(({ name }) => name === 'build-image-digest')?.value as string | undefined,
    by: askedBy.map((name) => annotations[name]).find(Boolean),
    message: status?.annotations?.[failureAnnotation] ?? inWords(condition?.message),
    started: status?.startTime,
    completed: status?.completionTime && (status.timing?.completedAt ?? status.completionTime),
  };
  return {
    uid: metadata.uid ?? '',
    project: metadata.namespace ?? '',
    name: metadata.name,
    state: stateOfRun(run),
    reason: condition?.reason ?? 'Pending',
    created: metadata.creationTimestamp ?? '',
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, value]) => value !== undefined),
    ) as Partial<RunSummary>),
  };
}

/** Tekton's count of tasks as a sentence; what else it says as it is. */
function inWords(message: string | undefined): string | undefined {
  const [, ended, failed, cancelled] =
    /^Tasks Completed: (\d+) \(Failed: (\d+)[^,]*, Cancelled (\d+)\), Skipped: \d+$/.exec(message ?? '') ??
    [];
  if (ended === undefined) return message;
  const counts = [
    Number(failed) > 0 && `${failed} failed`,
    Number(cancelled) > 0 && `${cancelled} cancelled`,
  ];
  return `of ${ended} ${ended === '1' ? 'task' : 'tasks'} that ran, ${counts.filter(Boolean).join(' and ') || 'all succeeded'}`;
}

export function stateOfRun(run: PipelineRun): RunState {
  const condition = findCondition(run.status?.conditions, 'Succeeded');
  const reason = condition?.reason ?? '';
  if (reason === 'Superseded') return 'superseded';
  if (condition?.status === 'True') return 'succeeded';
  if (condition?.status === 'False') return /cancel/i.test(reason) ? 'cancelled' : 'failed';
  return run.status?.startTime && reason !== 'PipelineRunPending' ? 'running' : 'pending';
}

/** What a list of runs is narrowed by; an absent field does not narrow. */
export interface RunFilter {
  readonly project?: string;
  readonly repository?: string;
  readonly model?: string;
  readonly kind?: string;
  readonly state?: string;
  readonly tag?: string;
  readonly commit?: string;
  readonly by?: string;
  /** Words that all occur in its name, model, tag, commit or message, in any case. */
  readonly text?: string;
}

const exact = ['project', 'repository', 'model', 'kind', 'state', 'tag'] as const;

export function matchesRun(run: RunSummary, filter: RunFilter): boolean {
  if (exact.some((field) => filter[field] && run[field] !== filter[field])) return false;
  if (filter.commit && !run.commit?.startsWith(filter.commit)) return false;
  if (filter.by && !run.by?.toLowerCase().includes(filter.by.toLowerCase())) return false;
  if (!filter.text) return true;
  const said = [run.name, run.project, run.model, run.tag, run.commit, run.kind, run.by, run.message]
    .join(' ')
    .toLowerCase();
  return filter.text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => said.includes(word));
}

/** Newest first; runs of the same second by name, so that the order is always the same. */
export function newerRun(a: RunSummary, b: RunSummary): number {
  if (a.created !== b.created) return a.created < b.created ? 1 : -1;
  return a.name < b.name ? 1 : a.name > b.name ? -1 : 0;
}

/** The first of each model and kind; of a list that is sorted newest first, the newest. */
export function newestPerModel(runs: readonly RunSummary[]): RunSummary[] {
  const seen = new Set<string>();
  return runs.filter(({ project, repository, model, kind }) => {
    const key = JSON.stringify([project, model ?? repository, kind]);
    return !seen.has(key) && seen.add(key);
  });
}
