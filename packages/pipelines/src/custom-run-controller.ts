import { type Condition, type KubernetesObject, keyOf, kinds, type ResourceKey } from '@tagboat/api';
import { type Clock, timestamp } from '@tagboat/base';
import type { Reconciler } from '@tagboat/controller';
import { mutateStatus, type ResourceStore } from '@tagboat/store';
import type { RunEvents } from './events.ts';

type CustomRun = KubernetesObject<
  {
    customRef?: { apiVersion?: string; kind?: string };
    customSpec?: { apiVersion?: string; kind?: string };
    status?: string;
  },
  { conditions?: Condition[]; startTime?: string; completionTime?: string }
>;

/**
 * Custom tasks need a controller of their own. Where others can reach the objects, a CustomRun waits for the one that
 * writes its status, as on a cluster, and an event says so; where nobody can, it fails with that reason.
 */
export class CustomRunReconciler implements Reconciler {
  readonly #store: ResourceStore;
  readonly #clock: Clock;
  readonly #events: RunEvents;
  readonly #waits: boolean;

  constructor(options: { store: ResourceStore; clock: Clock; events: RunEvents; waits: boolean }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#events = options.events;
    this.#waits = options.waits;
  }

  async reconcile(key: ResourceKey): Promise<void> {
    const run = await this.#store.get<CustomRun>(key);
    if (!run || run.status?.completionTime) return;
    const { apiVersion = '', kind = '' } = run.spec?.customRef ?? run.spec?.customSpec ?? {};
    if (this.#waits) {
      if (!run.status?.conditions?.length)
        this.#events.emit(
          run,
          'Normal',
          'WaitingForController',
          `waits for the controller of ${apiVersion} ${kind}, which is not part of Tekton or of this platform`,
        );
      return;
    }
    const cancelled = run.spec?.status === 'RunCancelled';
    const now = timestamp(this.#clock);
    await mutateStatus<CustomRun>(this.#store, keyOf(kinds.CustomRun, run), (draft) => {
      draft.status = {
        ...draft.status,
        startTime: now,
        completionTime: now,
        conditions: [
          {
            type: 'Succeeded',
            status: 'False',
            reason: cancelled ? 'CustomRunCancelled' : 'CustomTaskNotSupported',
            message: `custom tasks do not run here: no controller for ${apiVersion} ${kind} is known; it runs on a cluster that has one`,
            lastTransitionTime: now,
          },
        ],
      };
    });
  }
}
