import {
  type CommitState,
  failureText,
  findCondition,
  type KubernetesObject,
  keyOf,
  kinds,
  type PipelineRun,
  type PullRequest,
  type ResourceKey,
  resultsOf,
  type TaskRun,
} from '@tagboat/api';
import { type Clock, type Logger, timestamp } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import { runAnnotations, runLabels, stateOfRun } from '@tagboat/render';
import { mutateStatus, type ResourceStore } from '@tagboat/store';
import { commitStatus, writeStatus } from './commit-statuses.ts';
import { compareMetrics, metricsText } from './pull-metrics.ts';

export interface StatusOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** The console's page of a run. */
  readonly page: (project: string, run: string) => string;
  /** A bare clone of a repository, as it is. */
  readonly mirrorOf: (project: string, repository: string) => Promise<string | undefined>;
}

/** Says of each commit what its runs came to, as `CommitStatus`es; they outlive the runs. */
export function statusController(options: StatusOptions): Controller {
  return new Controller({
    name: 'commit-statuses',
    reader: options.store,
    type: kinds.PipelineRun,
    clock: options.clock,
    log: options.log,
    watches: [{ type: kinds.TaskRun, changesOnly: true, keys: waitingRun }],
    reconciler: { reconcile: (key) => report(options, key) },
  });
}

/** The run of a task whose pod cannot start yet, for a reason that a reader should know. */
function waitingRun(object: KubernetesObject): ResourceKey[] {
  const name = object.metadata.labels?.['tekton.dev/pipelineRun'];
  const condition = findCondition((object as TaskRun).status?.conditions, 'Succeeded');
  if (!name || condition?.reason !== 'Pending' || condition.message === 'Pending') return [];
  return [{ type: kinds.PipelineRun, namespace: object.metadata.namespace ?? '', name }];
}

const reported = new Set(['release', 'check', 'pull', 'candidate']);

async function report(options: StatusOptions, key: ResourceKey): Promise<undefined> {
  const { store } = options;
  const run = await store.get<PipelineRun>(key);
  const { labels = {}, annotations = {} } = run?.metadata ?? {};
  const repository = labels[runLabels.repository];
  const commit = annotations[runAnnotations.commit];
  const name = annotations[runAnnotations.name];
  if (!run || !repository || !commit || !name || !reported.has(labels[runLabels.kind] ?? ''))
    return undefined;
  if (await isOld(store, run, { repository, name })) return undefined;
  for (const said of await sayings(options, run, name))
    await writeStatus(
      store,
      commitStatus({
        namespace: key.namespace,
        repository,
        commit,
        context: said.context,
        state: said.state,
        description: said.description.slice(0, 1000),
        targetUrl: options.page(key.namespace, run.metadata.name),
        pipelineRun: run.metadata.name,
        updatedAt: timestamp(options.clock),
      }),
    );
  return undefined;
}

/** True where a newer run of the same name speaks for the same commit and ref. */
async function isOld(
  store: ResourceStore,
  run: PipelineRun,
  { repository, name }: { repository: string; name: string },
): Promise<boolean> {
  const { annotations = {}, labels = {} } = run.metadata;
  const { items } = await store.list<PipelineRun>(kinds.PipelineRun, {
    namespace: run.metadata.namespace ?? '',
    labels: [
      { key: runLabels.repository, operator: 'In', values: [repository] },
      { key: runLabels.commit, operator: 'In', values: [labels[runLabels.commit] ?? ''] },
    ],
  });
  const made = ({ metadata }: PipelineRun) => metadata.creationTimestamp ?? '';
  return items.some(
    (other) =>
      other.metadata.uid !== run.metadata.uid &&
      other.metadata.annotations?.[runAnnotations.name] === name &&
      other.metadata.annotations?.[runAnnotations.ref] === annotations[runAnnotations.ref] &&
      (made(other) > made(run) || (made(other) === made(run) && isAgain(other, run))),
  );
}

/** Of two runs of the same second: the one that a comment asked for has a `-rN` in its name, a later comment a higher one. */
function isAgain(other: PipelineRun, run: PipelineRun): boolean {
  const attempt = ({ metadata }: PipelineRun) => Number(/-r(\d+)-[0-9a-f]{8}$/.exec(metadata.name)?.[1] ?? 0);
  return attempt(other) > attempt(run);
}

interface Saying {
  readonly context: string;
  readonly state: CommitState;
  readonly description: string;
}

const prefixOf: Readonly<Record<string, string>> = {
  release: 'tagboat/release',
  candidate: 'tagboat/candidate',
};

async function sayings(options: StatusOptions, run: PipelineRun, name: string): Promise<Saying[]> {
  const { labels = {}, annotations = {} } = run.metadata;
  const contexts = annotations[runAnnotations.contexts];
  if (contexts) return taskSayings(options, run, JSON.parse(contexts) as Record<string, string>);
  const context = `${prefixOf[labels[runLabels.kind] ?? ''] ?? 'tagboat/check'}/${name}`;
  const said = await withTasks(options, run, sayingOf(run));
  const metrics =
    labels[runLabels.kind] === 'pull' && run.status?.completionTime ? await metricsOf(options, run) : '';
  const passed = said.state === 'success' && metrics !== '';
  return [
    {
      context,
      ...said,
      description: passed ? metrics : [metrics, said.description].filter(Boolean).join('; '),
    },
  ];
}

function sayingOf(run: PipelineRun): Omit<Saying, 'context'> {
  const message = findCondition(run.status?.conditions, 'Succeeded')?.message ?? '';
  const waiting = findCondition(run.status?.conditions, 'Succeeded')?.reason === 'PipelineRunPending';
  switch (stateOfRun(run)) {
    case 'succeeded':
      return { state: 'success', description: message };
    case 'failed':
      return { state: 'failure', description: message };
    case 'cancelled':
      return { state: 'error', description: 'was cancelled' };
    case 'superseded':
      return { state: 'success', description: message || 'was superseded' };
    case 'running':
      return { state: 'pending', description: 'runs' };
    default:
      return { state: 'pending', description: (waiting && message) || 'waits to run' };
  }
}

/** A failure names the tasks that failed, and how; a run whose pods wait for something says for what. */
async function withTasks(
  { store }: StatusOptions,
  run: PipelineRun,
  said: Omit<Saying, 'context'>,
): Promise<Omit<Saying, 'context'>> {
  if (said.state !== 'failure' && stateOfRun(run) !== 'running') return said;
  const wanted = said.state === 'failure' ? 'False' : 'Unknown';
  const parts = (await taskRunsOf(store, run)).flatMap((taskRun) => {
    const condition = findCondition(taskRun.status?.conditions, 'Succeeded');
    const task = taskRun.metadata.labels?.['tekton.dev/pipelineTask'];
    if (condition?.status !== wanted || !task) return [];
    if (wanted === 'False') return [`${task}: ${failureText(taskRun) || 'failed'}`];
    const waits = condition.reason === 'Pending' && condition.message !== 'Pending' && condition.message;
    return waits ? [`${task} waits: ${waits}`] : [];
  });
  return { ...said, description: parts.join('; ') || said.description };
}

async function taskRunsOf(store: ResourceStore, run: PipelineRun): Promise<readonly TaskRun[]> {
  const { items } = await store.list<TaskRun>(kinds.TaskRun, {
    namespace: run.metadata.namespace ?? '',
    labels: [{ key: 'tekton.dev/pipelineRun', operator: 'In', values: [run.metadata.name] }],
  });
  return items;
}

/** One status per task that has a context, such as those of an `.aicoe-ci.yaml`; a skipped task says nothing. */
async function taskSayings(
  { store }: StatusOptions,
  run: PipelineRun,
  contexts: Readonly<Record<string, string>>,
): Promise<Saying[]> {
  const items = await taskRunsOf(store, run);
  const skipped = new Set((run.status?.skippedTasks ?? []).map(({ name }) => name));
  const whole = sayingOf(run);
  return Object.entries(contexts).flatMap(([task, context]): Saying[] => {
    const taskRun = items.find(({ metadata }) => metadata.labels?.['tekton.dev/pipelineTask'] === task);
    const condition = findCondition(taskRun?.status?.conditions, 'Succeeded');
    if (condition?.status === 'True') return [{ context, state: 'success', description: 'passed' }];
    if (condition?.status === 'False')
      return [{ context, state: 'failure', description: failureText(taskRun!) || 'failed' }];
    if (skipped.has(task) && whole.state === 'success') return [];
    if (whole.state === 'pending')
      return [{ context, state: 'pending', description: taskRun ? 'runs' : 'waits to run' }];
    return [{ context, state: 'error', description: whole.description || 'did not run' }];
  });
}

/** The metrics of a pull request's run beside the target branch's, also kept with the pull request. */
async function metricsOf(options: StatusOptions, run: PipelineRun): Promise<string> {
  const { store } = options;
  const { labels = {}, namespace = '' } = run.metadata;
  const repository = labels[runLabels.repository]!;
  const number = Number(labels[runLabels.pullRequest]);
  const model = labels[runLabels.model];
  const found = resultsOf(run)['evaluate-metrics'];
  if (!model || !found) return '';
  const { items } = await store.list<PullRequest>(kinds.PullRequest, {
    namespace,
    labels: [{ key: runLabels.repository, operator: 'In', values: [repository] }],
  });
  const pull = items.find(({ spec }) => spec?.number === number);
  const base = pull?.status?.baseCommit;
  const mirror = await options.mirrorOf(namespace, repository);
  const metrics = await compareMetrics(store, { project: namespace, model, text: found, base, mirror });
  if (pull && pull.status?.headCommit === run.metadata.annotations?.[runAnnotations.commit])
    await mutateStatus<PullRequest>(store, keyOf(kinds.PullRequest, pull), (draft) => {
      const others = (draft.status?.metrics ?? []).filter((metric) => metric.model !== model);
      const next = [...others, ...metrics];
      if (JSON.stringify(next) === JSON.stringify(draft.status?.metrics)) return false;
      draft.status = { ...draft.status, metrics: next };
      return undefined;
    });
  return metricsText(metrics, pull?.spec?.targetBranch ?? 'the target');
}
