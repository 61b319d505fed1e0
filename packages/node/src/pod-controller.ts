import { keyText, kinds, type Pod, podStepsAnnotation, type ResourceKey } from '@tagboat/api';
import { describeError, isReason } from '@tagboat/base';
import type { Reconciler, Result } from '@tagboat/controller';
import { mutate } from '@tagboat/store';
import { podFinalizer } from './claim-pod.ts';
import type { NodeContext } from './context.ts';
import { GeneralPodWorker } from './general-pod-worker.ts';
import type { PodWorker } from './pod-worker.ts';
import { StepPodWorker } from './step-pod-worker.ts';
import { holdBack, isUntrusted } from './untrusted.ts';

/** Milliseconds after which an engine is looked for again. */
const engineRetry = 30_000;

/** Milliseconds until a pod is taken up again whose worker could not even write what went wrong; doubled each time. */
const firstRest = 1000;
const longestRest = 60_000;

/** Starts a worker for every pod that has none, and ends the workers of pods that are gone. */
export class PodReconciler implements Reconciler, AsyncDisposable {
  readonly #context: NodeContext;
  readonly #ended: (key: ResourceKey) => void;
  readonly #begun: () => void;
  readonly #workers = new Map<string, { uid: string; worker: PodWorker }>();
  /** Also those whose pods are gone already, as long as something of them runs. */
  readonly #running = new Set<PodWorker>();
  /** Pods whose worker failed, as all do while the disk is full, and until when (monotonic) they rest. */
  readonly #resting = new Map<string, { uid: string; until: number; rest: number }>();

  /** `ended`: a pod's worker has ended, so that the pod is to be looked at again; `begun`: one more runs. */
  constructor(context: NodeContext, told: { ended: (key: ResourceKey) => void; begun: () => void }) {
    this.#context = context;
    this.#ended = told.ended;
    this.#begun = told.begun;
  }

  async reconcile(key: ResourceKey): Promise<Result> {
    const pod = await this.#context.store.get<Pod>(key);
    const id = keyText(key);
    const current = this.#workers.get(id);
    if (current && current.uid !== pod?.metadata.uid) {
      this.#workers.delete(id);
      current.worker.stop();
    }
    if (this.#resting.get(id)?.uid !== pod?.metadata.uid) this.#resting.delete(id);
    if (!pod) return undefined;
    if (pod.metadata.deletionTimestamp) {
      await this.#terminate(key, pod);
      return undefined;
    }
    if (this.#workers.has(id)) return undefined;
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return undefined;
    const left = (this.#resting.get(id)?.until ?? 0) - this.#context.clock.monotonic();
    if (left > 0) return { again: left };
    const context = await this.#contextFor(pod);
    if (!context) return { again: engineRetry };
    const worker = isStepPod(pod) ? new StepPodWorker(context, pod) : new GeneralPodWorker(context, pod);
    const entry = { uid: pod.metadata.uid ?? '', worker };
    this.#workers.set(id, entry);
    this.#running.add(worker);
    this.#begun();
    void worker.done
      .then(() => this.#resting.delete(id))
      .catch((error: unknown) => {
        this.#context.log.error('a pod worker failed', { key: id, error });
        this.#rest(id, entry.uid);
      })
      .finally(() => {
        this.#running.delete(worker);
        if (this.#workers.get(id) === entry) this.#workers.delete(id);
        this.#ended(key);
      });
    return undefined;
  }

  #rest(id: string, uid: string): void {
    const rest = Math.min(longestRest, 2 * (this.#resting.get(id)?.rest ?? firstRest / 2));
    this.#resting.set(id, { uid, rest, until: this.#context.clock.monotonic() + rest });
  }

  /** The context with the driver that the pod asks for. Undefined while there is no engine: the pod then says so. */
  async #contextFor(pod: Pod): Promise<NodeContext | undefined> {
    const context = this.#context;
    if (!isUntrusted(pod) || context.driver.name === 'container') return context;
    try {
      return { ...context, driver: await context.engine.get(), driverNote: undefined };
    } catch (error) {
      if (!isReason(error, 'EngineUnavailable')) throw error;
      await holdBack(context, pod, describeError(error));
      return undefined;
    }
  }

  /** Ends a pod that is being deleted; its object goes when nothing of it runs any more. */
  async #terminate(key: ResourceKey, pod: Pod): Promise<void> {
    const current = this.#workers.get(keyText(key));
    if (current) {
      current.worker.stop(pod.metadata.deletionGracePeriodSeconds);
      return;
    }
    if (!pod.metadata.finalizers?.includes(podFinalizer)) return;
    await mutate<Pod>(this.#context.store, key, (draft) => {
      draft.metadata.finalizers = (draft.metadata.finalizers ?? []).filter((name) => name !== podFinalizer);
    }).catch((error: unknown) => {
      if (!isReason(error, 'NotFound')) throw error;
    });
  }

  /** The worker of a pod that runs here. */
  worker(namespace: string, name: string): PodWorker | undefined {
    return this.#workers.get(keyText({ type: kinds.Pod, namespace, name }))?.worker;
  }

  /** The workers of all pods that run here. */
  workers(): PodWorker[] {
    return [...this.#workers.values()].map(({ worker }) => worker);
  }

  /** Kills what runs; pods keep their status and start over when the node starts again. */
  async [Symbol.asyncDispose](): Promise<void> {
    const workers = [...this.#running];
    for (const worker of workers) worker.abandon();
    await Promise.all(workers.map((worker) => worker.done.catch(() => undefined)));
  }
}

export function isStepPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[podStepsAnnotation] !== undefined;
}
