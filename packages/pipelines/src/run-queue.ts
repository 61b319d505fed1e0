import { controllerOf, keyOf, keyText, kinds, type PipelineRun, type ResourceKey } from '@tagboat/api';
import { mutate, type ResourceStore } from '@tagboat/store';

/** Labels and annotations of PipelineRuns that the queue goes by. */
export const queueLabels = { repository: 'tagboat.dev/repository' } as const;
export const queueAnnotations = {
  /** Runs with the same value wait for one another's turn. */
  queue: 'tagboat.dev/queue',
  /** How many of the runs with the same `queue` may run at once; default 1. */
  limit: 'tagboat.dev/queue-limit',
  /** A number; among runs that wait the higher starts first. Default 0. */
  priority: 'tagboat.dev/priority',
  /** A group: a newer run of the same group and ref ends those that are not finished. */
  cancelInProgress: 'tagboat.dev/cancel-in-progress',
  ref: 'tagboat.dev/ref',
  /** Set here: the run that took its place. */
  supersededBy: 'tagboat.dev/superseded-by',
} as const;

export interface QueueOptions {
  readonly store: ResourceStore;
  /** Called when a run that waited may start. */
  readonly wake: (key: ResourceKey) => void;
  /** At most so many runs at once (default 100), and of one repository (default 20). */
  readonly mostRuns?: number;
  readonly mostPerRepository?: number;
}

interface Entry {
  readonly key: ResourceKey;
  readonly repository: string;
  readonly queue: string | undefined;
  readonly queueLimit: number;
  readonly priority: number;
  readonly created: string;
  readonly group: string | undefined;
}

/**
 * Decides which runs may start. Those that wait start by priority; of equal priority the repository with the fewest
 * runs goes first, then the oldest run, so that one busy repository does not keep others waiting.
 */
export class RunQueue {
  readonly #options: Required<QueueOptions>;
  readonly #running = new Map<string, Entry>();
  readonly #waiting = new Map<string, Entry>();
  #ready: Promise<void> | undefined;

  constructor(options: QueueOptions) {
    this.#options = { mostRuns: 100, mostPerRepository: 20, ...options };
  }

  /** @returns undefined where the run may start now, else why it waits; `wake` is called when its turn comes */
  async enter(run: PipelineRun): Promise<{ reason: string; message: string } | undefined> {
    // A nested pipeline is part of a run that has started.
    if (controllerOf(run)?.kind === 'PipelineRun') return undefined;
    this.#ready ??= this.#restore();
    await this.#ready;
    const entry = entryOf(run);
    const id = keyText(entry.key);
    if (this.#running.has(id)) return undefined;
    if (!this.#waiting.has(id)) {
      this.#waiting.set(id, entry);
      await this.#supersede(entry, run.metadata.name);
    }
    if (run.spec?.status === 'Cancelled') {
      this.#waiting.delete(id);
      return undefined;
    }
    this.#admit(id);
    return this.#running.has(id)
      ? undefined
      : {
          reason: 'PipelineRunPending',
          message: `PipelineRun "${run.metadata.name}" is pending: ${this.#why(entry)}`,
        };
  }

  /** The run is over or gone: others may take its place. */
  async left(key: ResourceKey): Promise<void> {
    const id = keyText(key);
    const there = this.#running.delete(id) || this.#waiting.delete(id);
    if (there) this.#admit();
  }

  /** Runs that an earlier life of this process started count from the beginning. */
  async #restore(): Promise<void> {
    const { items } = await this.#options.store.list<PipelineRun>(kinds.PipelineRun);
    for (const run of items)
      if (run.status?.startTime && !run.status.completionTime && controllerOf(run)?.kind !== 'PipelineRun')
        this.#running.set(keyText(keyOf(kinds.PipelineRun, run)), entryOf(run));
  }

  #admit(current?: string): void {
    for (let next = this.#next(); next; next = this.#next()) {
      const id = keyText(next.key);
      this.#waiting.delete(id);
      this.#running.set(id, next);
      if (id !== current) this.#options.wake(next.key);
    }
  }

  #next(): Entry | undefined {
    if (this.#running.size >= this.#options.mostRuns || this.#waiting.size === 0) return undefined;
    const { byRepository, byQueue } = this.#counts();
    let best: Entry | undefined;
    const load = (entry: Entry) => byRepository.get(entry.repository) ?? 0;
    for (const entry of this.#waiting.values()) {
      const full =
        load(entry) >= this.#options.mostPerRepository ||
        (entry.queue !== undefined && (byQueue.get(entry.queue) ?? 0) >= entry.queueLimit);
      if (!full && (!best || before(entry, best, load))) best = entry;
    }
    return best;
  }

  #counts() {
    const byRepository = new Map<string, number>();
    const byQueue = new Map<string, number>();
    for (const { repository, queue } of this.#running.values()) {
      byRepository.set(repository, (byRepository.get(repository) ?? 0) + 1);
      if (queue !== undefined) byQueue.set(queue, (byQueue.get(queue) ?? 0) + 1);
    }
    return { byRepository, byQueue };
  }

  #why({ repository, queue, queueLimit }: Entry): string {
    const { byRepository, byQueue } = this.#counts();
    if (queue !== undefined && (byQueue.get(queue) ?? 0) >= queueLimit)
      return `waits for a run of the queue "${queue.split('/').at(-1)}" to end (at most ${queueLimit} at once)`;
    if ((byRepository.get(repository) ?? 0) >= this.#options.mostPerRepository)
      return `waits for a run of the same repository to end (at most ${this.#options.mostPerRepository} at once)`;
    return `waits for another run to end (at most ${this.#options.mostRuns} at once)`;
  }

  /** Ends older runs whose place this one takes. */
  async #supersede(entry: Entry, name: string): Promise<void> {
    if (entry.group === undefined) return;
    for (const [id, other] of [...this.#running, ...this.#waiting]) {
      if (other.group !== entry.group || other === entry || id === keyText(entry.key)) continue;
      if (other.created > entry.created) continue;
      const started = this.#running.has(id);
      await mutate<PipelineRun>(this.#options.store, other.key, (draft) => {
        if (draft.status?.completionTime || draft.spec?.status) return false;
        draft.metadata.annotations = { ...draft.metadata.annotations, [queueAnnotations.supersededBy]: name };
        draft.spec = { ...draft.spec, status: started ? 'CancelledRunFinally' : 'Cancelled' };
        return undefined;
      });
    }
  }
}

function before(a: Entry, b: Entry, load: (entry: Entry) => number): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (load(a) !== load(b)) return load(a) < load(b);
  return a.created < b.created;
}

function entryOf(run: PipelineRun): Entry {
  const { namespace = '', labels = {}, annotations = {}, creationTimestamp = '' } = run.metadata;
  const repository = `${namespace}/${labels[queueLabels.repository] ?? ''}`;
  const queue = annotations[queueAnnotations.queue];
  const group = annotations[queueAnnotations.cancelInProgress];
  const number = (name: string, fallback: number) => {
    const value = Number(annotations[name]);
    return annotations[name] !== undefined && Number.isFinite(value) ? value : fallback;
  };
  return {
    key: keyOf(kinds.PipelineRun, run),
    repository,
    queue: queue ? `${namespace}/${queue}` : undefined,
    queueLimit: Math.max(1, number(queueAnnotations.limit, 1)),
    priority: number(queueAnnotations.priority, 0),
    created: creationTimestamp,
    group:
      group && group !== 'false'
        ? `${repository}/${group}/${annotations[queueAnnotations.ref] ?? ''}`
        : undefined,
  };
}
