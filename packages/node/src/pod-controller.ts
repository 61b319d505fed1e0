import { keyText, kinds, type Pod, podStepsAnnotation, type ResourceKey } from '@tagboat/api';
import type { Reconciler } from '@tagboat/controller';
import type { NodeContext } from './context.ts';
import type { PodWorker } from './pod-worker.ts';
import { ServicePodWorker } from './service-pod-worker.ts';
import { StepPodWorker } from './step-pod-worker.ts';

/** Starts a worker for every pod that has none, and ends the workers of pods that are gone. */
export class PodReconciler implements Reconciler, AsyncDisposable {
  readonly #context: NodeContext;
  readonly #workers = new Map<string, { uid: string; worker: PodWorker }>();

  constructor(context: NodeContext) {
    this.#context = context;
  }

  async reconcile(key: ResourceKey): Promise<void> {
    const pod = await this.#context.store.get<Pod>(key);
    const id = keyText(key);
    const current = this.#workers.get(id);
    if (current && current.uid !== pod?.metadata.uid) {
      this.#workers.delete(id);
      current.worker.stop();
    }
    if (!pod || this.#workers.has(id) || pod.metadata.deletionTimestamp) return;
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return;
    const worker = isStepPod(pod)
      ? new StepPodWorker(this.#context, pod)
      : new ServicePodWorker(this.#context, pod);
    const entry = { uid: pod.metadata.uid ?? '', worker };
    this.#workers.set(id, entry);
    void worker.done
      .catch((error: unknown) => this.#context.log.error('a pod worker failed', { key: id, error }))
      .finally(() => {
        if (this.#workers.get(id) === entry && isStepPod(pod)) this.#workers.delete(id);
      });
  }

  /** The worker of a pod that runs here. */
  worker(namespace: string, name: string): PodWorker | undefined {
    return this.#workers.get(keyText({ type: kinds.Pod, namespace, name }))?.worker;
  }

  /** Kills what runs; pods keep their status and start over when the node starts again. */
  async [Symbol.asyncDispose](): Promise<void> {
    const workers = [...this.#workers.values()].map(({ worker }) => worker);
    for (const worker of workers) worker.stop(2);
    await Promise.all(workers.map((worker) => worker.done.catch(() => undefined)));
  }
}

export function isStepPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[podStepsAnnotation] !== undefined;
}
