import { type Condition, type KubernetesObject, keyOf, kinds, type ResourceKey } from '@tagboat/api';
import { type Clock, timestamp } from '@tagboat/base';
import type { Reconciler } from '@tagboat/controller';
import { mutateStatus, type ResourceStore } from '@tagboat/store';

type CustomRun = KubernetesObject<
  {
    customRef?: { apiVersion?: string; kind?: string };
    customSpec?: { apiVersion?: string; kind?: string };
    status?: string;
  },
  { conditions?: Condition[]; startTime?: string; completionTime?: string }
>;

/** Custom tasks need a controller of their own, which nobody runs here: each is failed with that reason, not left waiting. */
export class CustomRunReconciler implements Reconciler {
  readonly #store: ResourceStore;
  readonly #clock: Clock;

  constructor(options: { store: ResourceStore; clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  async reconcile(key: ResourceKey): Promise<void> {
    const run = await this.#store.get<CustomRun>(key);
    if (!run || run.status?.completionTime) return;
    const { apiVersion = '', kind = '' } = run.spec?.customRef ?? run.spec?.customSpec ?? {};
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
