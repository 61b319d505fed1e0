import {
  findCondition,
  type KubernetesObject,
  kinds,
  type PipelineRun,
  type ResourceType,
  type TaskRun,
} from '@tagboat/api';
import { type Clock, Histogram, type Logger } from '@tagboat/base';
import { inform } from '@tagboat/controller';
import { runLabels } from '@tagboat/render';
import type { Reader } from '@tagboat/store';

const limits = [0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600];

/** Counts finished runs and steps by watching them, as Prometheus text. Every object is counted once. */
export class RunMetrics implements AsyncDisposable {
  readonly #seen = new Set<string>();
  readonly #runs = new Map<string, number>();
  readonly #reuse = new Map<string, number>();
  readonly #taskDurations = new Map<string, Histogram>();
  readonly #stepDurations = new Map<string, Histogram>();
  readonly #syncs = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #following: Promise<void>[];

  constructor(options: { reader: Reader; clock: Clock; log: Logger }) {
    this.#following = [
      this.#finished(options, kinds.PipelineRun, (run) => this.#run(run as PipelineRun)),
      this.#finished(options, kinds.TaskRun, (task) => this.#task(task as TaskRun)),
      this.#follow(options, kinds.Application, ({ metadata }) => this.#known(metadata.name)),
    ];
  }

  /** An Application was synced. */
  synced(application: string, succeeded: boolean): void {
    count(this.#syncs, syncLabels(application, succeeded));
  }

  /** What is there counts from zero: a series that begins with one shows no increase by it. */
  #known(application: string): void {
    for (const succeeded of [true, false]) {
      const labels = syncLabels(application, succeeded);
      if (!this.#syncs.has(labels)) this.#syncs.set(labels, 0);
    }
  }

  text(): string {
    return [
      ...counter('tagboat_pipelineruns_total', 'Finished runs.', this.#runs),
      ...counter('tagboat_step_reuse_total', 'Trainings taken from an earlier run, or not.', this.#reuse),
      ...counter('tagboat_syncs_total', 'Synchronisations of Applications.', this.#syncs),
      ...histograms(
        'tagboat_task_duration_seconds',
        "Time from a task's start to its end.",
        this.#taskDurations,
      ),
      ...histograms(
        'tagboat_step_duration_seconds',
        "Time from a step's start to its end.",
        this.#stepDurations,
      ),
      '',
    ].join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#following);
  }

  async #follow(
    options: Following,
    type: ResourceType,
    see: (object: KubernetesObject) => void,
  ): Promise<void> {
    for await (const { type: event, object } of inform({ ...options, type, signal: this.#stop.signal }))
      if (event === 'DELETED') this.#seen.delete(object.metadata.uid ?? '');
      else see(object);
  }

  #finished(options: Following, type: ResourceType, see: (object: KubernetesObject) => void): Promise<void> {
    return this.#follow(options, type, (object) => {
      const done = (object.status as PipelineRun['status'])?.completionTime;
      const uid = object.metadata.uid ?? '';
      if (!done || this.#seen.has(uid)) return;
      this.#seen.add(uid);
      see(object);
    });
  }

  #run(run: PipelineRun): void {
    const reason = findCondition(run.status?.conditions, 'Succeeded')?.reason ?? 'Unknown';
    const kind = run.metadata.labels?.[runLabels.kind] ?? '';
    count(this.#runs, `namespace="${run.metadata.namespace}",kind="${kind}",reason="${reason}"`);
  }

  #task(task: TaskRun): void {
    const { labels } = task.metadata;
    // Names of single TaskRuns are many, and each would be a series for ever.
    const name = labels?.['tekton.dev/pipelineTask'] ?? labels?.['tekton.dev/task'] ?? '';
    const { startTime, completionTime, results, steps = [] } = task.status ?? {};
    observe(this.#taskDurations, `task="${name}"`, [startTime, completionTime]);
    for (const { name: step, terminated } of steps)
      observe(this.#stepDurations, `task="${name}",step="${step}"`, [
        terminated?.startedAt,
        terminated?.finishedAt,
      ]);
    const reused = results?.find((result) => result.name === 'reused')?.value;
    if (reused !== undefined) count(this.#reuse, `task="${name}",reused="${String(reused)}"`);
  }
}

interface Following {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly log: Logger;
}

const syncLabels = (application: string, succeeded: boolean) =>
  `application="${application}",result="${succeeded ? 'Succeeded' : 'Failed'}"`;

function observe(
  durations: Map<string, Histogram>,
  labels: string,
  [start, end]: readonly [string | undefined, string | undefined],
): void {
  const seconds = (Date.parse(end ?? '') - Date.parse(start ?? '')) / 1000;
  if (!Number.isFinite(seconds)) return;
  const histogram = durations.get(labels) ?? new Histogram(limits);
  durations.set(labels, histogram);
  histogram.observe(seconds);
}

function histograms(name: string, help: string, values: ReadonlyMap<string, Histogram>): string[] {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  return [...lines, ...[...values].flatMap(([labels, durations]) => durations.lines(name, labels))];
}

function count(counters: Map<string, number>, labels: string): void {
  counters.set(labels, (counters.get(labels) ?? 0) + 1);
}

function counter(name: string, help: string, values: ReadonlyMap<string, number>): string[] {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} counter`];
  return [...lines, ...[...values].map(([labels, value]) => `${name}{${labels}} ${value}`)];
}
