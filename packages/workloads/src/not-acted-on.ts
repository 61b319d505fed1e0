import {
  type Condition,
  findCondition,
  type KubernetesObject,
  kinds,
  type ResourceType,
  withCondition,
} from '@tagboat/api';
import { timestamp } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import { mutateStatus } from '@tagboat/store';
import { recorder, type WorkloadOptions } from './owned-pods.ts';

/** Says in the status of kinds that are only stored that nothing acts on them. */
export function notActedOnControllers(options: WorkloadOptions): Controller[] {
  return [kinds.StatefulSet, kinds.DaemonSet].map((type) => notActedOn(options, type));
}

function notActedOn(options: WorkloadOptions, type: ResourceType): Controller {
  const { store, clock, log } = options;
  const events = recorder(options, 'tagboat');
  return new Controller({
    name: `${type.singular}-not-acted-on`,
    reader: store,
    type,
    clock,
    log,
    reconciler: {
      async reconcile(key) {
        type Stored = KubernetesObject<unknown, { conditions?: Condition[] }>;
        const object = await store.get<Stored>(key);
        if (!object || findCondition(object.status?.conditions, 'ActedOn')) return;
        const message = `nothing acts on a ${type.kind} here: it is kept, but no pods are made for it; use a Deployment`;
        events.record(object, { type: 'Warning', reason: 'NotSupported', message });
        await mutateStatus<Stored>(store, key, (draft) => {
          const condition: Condition = { type: 'ActedOn', status: 'False', reason: 'NotSupported', message };
          draft.status = {
            ...draft.status,
            conditions: withCondition(draft.status?.conditions, condition, timestamp(clock)),
          };
        });
      },
    },
  });
}
