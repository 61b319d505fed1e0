import {
  type Condition,
  fieldsNotActedOn,
  findCondition,
  type KubernetesObject,
  kinds,
  notActedOnMessage,
  type ResourceType,
  withCondition,
} from '@tagboat/api';
import { timestamp } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import { mutateStatus } from '@tagboat/store';
import { recorder, type WorkloadOptions } from './owned-pods.ts';

/** Kept kinds whose status has conditions, with what a status of theirs must have; the others have events alone. */
const statuses: ReadonlyMap<ResourceType, object> = new Map<ResourceType, object>([
  [kinds.StatefulSet, { replicas: 0 }],
  [
    kinds.DaemonSet,
    { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
  ],
  [kinds.HorizontalPodAutoscaler, { desiredReplicas: 0 }],
  [
    kinds.PodDisruptionBudget,
    { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
  ],
]);

/** Kinds that are acted on and may declare fields that nothing acts on; a pod's own are told by its node. */
const partly: readonly ResourceType[] = [
  kinds.Deployment,
  kinds.Job,
  kinds.CronJob,
  kinds.Service,
  kinds.Ingress,
  kinds.Route,
  kinds.PersistentVolumeClaim,
];

type Stored = KubernetesObject<unknown, { conditions?: Condition[] }>;

/** Says of objects that are only kept, and of declared fields that mean nothing here, that nothing acts on them. */
export function notActedOnControllers(options: WorkloadOptions): Controller[] {
  const kept = Object.values(kinds).filter((type) => notActedOnMessage(type) !== undefined);
  return [
    ...kept.map((type) => keptKind(options, type)),
    ...partly.map((type) => partlyActedOn(options, type)),
  ];
}

function keptKind(options: WorkloadOptions, type: ResourceType): Controller {
  const { store, clock, log } = options;
  const events = recorder(options, 'tagboat');
  const message = notActedOnMessage(type)!;
  return new Controller({
    name: `${type.singular}-not-acted-on`,
    reader: store,
    type,
    clock,
    log,
    reconciler: {
      async reconcile(key) {
        const object = await store.get<Stored>(key);
        if (!object || findCondition(object.status?.conditions, 'ActedOn')) return;
        events.record(object, { type: 'Warning', reason: 'NotSupported', message });
        const status = statuses.get(type);
        if (!status) return;
        await mutateStatus<Stored>(store, key, (draft) => {
          const condition: Condition = { type: 'ActedOn', status: 'False', reason: 'NotSupported', message };
          draft.status = {
            ...status,
            ...draft.status,
            conditions: withCondition(draft.status?.conditions, condition, timestamp(clock)),
          };
        });
      },
    },
  });
}

function partlyActedOn(options: WorkloadOptions, type: ResourceType): Controller {
  const { store, clock, log } = options;
  const events = recorder(options, 'tagboat');
  const told = new Map<string, string>();
  return new Controller({
    name: `${type.singular}-fields-not-acted-on`,
    reader: store,
    type,
    clock,
    log,
    reconciler: {
      async reconcile(key) {
        const object = await store.get(key);
        const id = `${key.namespace}/${key.name}`;
        const fields = object ? fieldsNotActedOn(object).join(', ') : '';
        if (fields !== '' && told.get(id) !== fields)
          events.record(object!, {
            type: 'Warning',
            reason: 'NotActedOn',
            message: `nothing here acts on ${fields}`,
          });
        if (fields === '') told.delete(id);
        else told.set(id, fields);
      },
    },
  });
}
