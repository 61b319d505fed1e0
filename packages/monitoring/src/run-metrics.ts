import { findCondition, type KubernetesObject, kinds, type PipelineRun, type TaskRun } from '@tagboat/api';
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
  readonly #durations = new Map<string, Histogram>();
  readonly #syncs = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #following: Promise<void>[];

  constructor(options: { reader: Reader; clock: Clock; log: Logger }) {
    this.#following = [
      this.#follow(options, kinds.PipelineRun, (run) => this.#run(run as PipelineRun)),
      this.#follow(options, kinds.TaskRun, (task) => this.#task(task as TaskRun)),
    ];
  }

  /** An Application was synced. */
  synced(application: string, succeeded: boolean): void {
    count(this.#syncs, `application="${application}",result="${succeeded ? 'Succeeded' : 'Failed'}"`);
  }

  text(): string {
    return [
      ...counter('tagboat_pipelineruns_total', 'Finished runs.', this.#runs),
      ...counter('tagboat_step_reuse_total', 'Trainings taken from an earlier run, or not.', this.#reuse),
      ...counter('tagboat_syncs_total', 'Synchronisations of Applications.', this.#syncs),
      ...this.#histogram(),
      '',
    ].join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#following);
  }

  async #follow(
    options: { reader: Reader; clock: Clock; log: Logger },
    type: typeof kinds.PipelineRun,
    see: (object: KubernetesObject) => void,
  ): Promise<void> {
    for await (const { object } of inform({ ...options, type, signal: this.#stop.signal })) {
      const done = (object.status as PipelineRun['status'])?.completionTime;
      const uid = object.metadata.uid ?? '';
      if (!done || this.#seen.has(uid)) continue;
      this.#seen.add(uid);
      see(object);
    }
  }

  #run(run: PipelineRun): void {
    const reason = findCondition(run.status?.conditions, 'Succeeded')?.reason ?? 'Unknown';
    const kind = run.metadata.labels?.[runLabels.kind] ?? '';
    count(this.#runs, `namespace="${run.metadata.namespace}",kind="${kind}",reason="${reason}"`);
  }

  #task(task: TaskRun): void {
    const name = task.metadata.labels?.['tekton.dev/pipelineTask'] ?? task.metadata.name;
    const { startTime, completionTime, results } = task.status ?? {};
    const seconds = (Date.parse(completionTime ?? '') - Date.parse(startTime ?? '')) / 1000;
    if (Number.isFinite(seconds)) this.#observe(name, seconds);
    const reused = results?.find((result) => result.name === 'reused')?.value;
    if (reused !== undefined) count(this.#reuse, `task="${name}",reused="${String(reused)}"`);
  }

  #observe(task: string, seconds: number): void {
    const histogram = this.#durations.get(task) ?? new Histogram(limits);
    this.#durations.set(task, histogram);
    histogram.observe(seconds);
  }

  #histogram(): string[] {
    const name = 'tagboat_task_duration_seconds';
    const lines = [`# HELP ${name} Time from a task's start to its end.`, `# TYPE ${name} histogram`];
    for (const [task, durations] of this.#durations) lines.push(...durations.lines(name, `task="${task}"`));
    return lines;
  }
}

function count(counters: Map<string, number>, labels: string): void {
  counters.set(labels, (counters.get(labels) ?? 0) + 1);
}

function counter(name: string, help: string, values: ReadonlyMap<string, number>): string[] {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} counter`];
  return [...lines, ...[...values].map(([labels, value]) => `${name}{${labels}} ${value}`)];
}
