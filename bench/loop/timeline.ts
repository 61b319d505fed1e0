import { type KubernetesObject, kinds, type TaskRun } from '@tagboat/api';
import { isReason } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import { runAnnotations } from '@tagboat/render';

export interface Phase {
  readonly name: string;
  /** Milliseconds, since the measurement began. */
  readonly from: number;
  readonly to: number;
}

/** Watches the tasks of a project's runs and notes when each was first seen, running and done. */
export class Timeline {
  readonly #stop = new AbortController();
  readonly #seen = new Map<string, { name: string; tag: string; from: number; to: number }>();
  readonly #watching: Promise<void>;

  constructor(client: Client, namespace: string) {
    this.#watching = this.#watch(client, namespace);
    // What ends a round earlier is told first; this, when the timeline is stopped.
    this.#watching.catch(() => undefined);
  }

  phases(tag: string, start: number): Phase[] {
    return [...this.#seen.values()]
      .filter((phase) => phase.tag === tag)
      .map(({ name, from, to }) => ({ name, from: from - start, to: to - start }));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  async #watch(client: Client, namespace: string): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted)
      try {
        for await (const { object } of client.watch<TaskRun>(kinds.TaskRun, { namespace, signal }))
          this.#note(object);
      } catch (error) {
        if (!signal.aborted && !isReason(error, 'Expired')) throw error;
      }
  }

  #note(taskRun: TaskRun & KubernetesObject): void {
    const now = performance.now();
    const { name, labels, annotations } = taskRun.metadata;
    const known = this.#seen.get(name) ?? {
      name: labels?.['tekton.dev/pipelineTask'] ?? name,
      tag: annotations?.[runAnnotations.tag] ?? '',
      from: now,
      to: Number.NaN,
    };
    this.#seen.set(name, known);
    if (taskRun.status?.completionTime && Number.isNaN(known.to)) known.to = now;
  }
}
