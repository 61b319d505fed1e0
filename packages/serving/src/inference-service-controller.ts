import {
  type Condition,
  type Container,
  controllerOf,
  type Deployment,
  findCondition,
  type KubernetesObject,
  keyOf,
  kinds,
  ownedBy,
  type Pod,
  type PodSpec,
  type ResourceKey,
  type Service,
  withCondition,
} from '@tagboat/api';
import { type Clock, canonicalJson, type Logger, TagboatError, timestamp } from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { applySpec, mutateStatus, type ResourceStore } from '@tagboat/store';
import { type FailureInfo, podFailure } from './pod-failure.ts';

export interface ServingOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** The URL of the apps port. */
  readonly appsUrl: string;
}

interface Predictor extends PodSpec {
  minReplicas?: number;
}

/** serving.kserve.io/v1beta1 InferenceService, as far as it is acted on. */
export type InferenceService = KubernetesObject<
  { predictor: Predictor },
  {
    observedGeneration?: number;
    url?: string;
    address?: { url: string };
    conditions?: Condition[];
    modelStatus?: {
      transitionStatus: string;
      states: { activeModelState: string; targetModelState: string };
      lastFailureInfo?: FailureInfo;
    };
  }
>;

const labelName = 'serving.kserve.io/inferenceservice';

/** Runs InferenceServices as Deployments with a Service (KServe's raw deployment mode). */
export function inferenceServiceController(options: ServingOptions): Controller {
  return new Controller({
    name: 'inferenceservice',
    reader: options.store,
    type: kinds.InferenceService,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => reconcile(options, key) },
    watches: [
      {
        type: kinds.Deployment,
        keys: (deployment) => {
          const owner = controllerOf(deployment);
          return owner?.kind === 'InferenceService'
            ? [
                {
                  type: kinds.InferenceService,
                  namespace: deployment.metadata.namespace ?? '',
                  name: owner.name,
                },
              ]
            : [];
        },
      },
      {
        type: kinds.Pod,
        keys: ({ metadata: { namespace = '', labels = {} } }) =>
          labels[labelName] ? [{ type: kinds.InferenceService, namespace, name: labels[labelName] }] : [],
      },
    ],
  });
}

async function reconcile(options: ServingOptions, key: ResourceKey): Promise<Result> {
  const { store } = options;
  const service = await store.get<InferenceService>(key);
  if (!service || service.metadata.deletionTimestamp) return undefined;
  try {
    const wanted = deploymentFor(service);
    const deployment = await applySpec(store, keyOf(kinds.Deployment, wanted), wanted);
    const front = serviceFor(service);
    await applySpec(store, keyOf(kinds.Service, front), front);
    const failure = isRolledOut(deployment) ? undefined : await failureOf(store, key);
    await report(options, service, conditionsOf(deployment, failure), failure);
  } catch (error) {
    if (!(error instanceof TagboatError) || error.retryable) throw error;
    await report(options, service, [
      { type: 'PredictorReady', status: 'False', reason: error.reason, message: error.message },
      { type: 'Ready', status: 'False', reason: error.reason, message: error.message },
    ]);
  }
  return undefined;
}

/** The Deployment of an InferenceService; a new version takes over before the old one ends. @throws `Invalid` */
export function deploymentFor(service: InferenceService): Deployment {
  const { minReplicas, containers, ...pod } = service.spec?.predictor ?? { containers: [] };
  if (!containers?.length)
    throw new TagboatError(
      `InferenceService ${service.metadata.name}: expected predictor.containers, found none`,
      {
        reason: 'Unsupported',
        retryable: false,
        hint: 'model formats with a runtime of their own are not served here yet',
      },
    );
  const labels = {
    app: `isvc.${service.metadata.name}`,
    [labelName]: service.metadata.name,
    component: 'predictor',
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: predictorMetadata(service),
    spec: {
      replicas: minReplicas ?? 1,
      selector: { matchLabels: { app: labels.app } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 30,
          ...pod,
          containers: containers.map((container, index) =>
            index === 0 ? withDefaults(container, service) : container,
          ),
        },
      },
    },
  };
}

function withDefaults(container: Container, service: InferenceService): Container {
  const port = container.ports?.[0]?.containerPort ?? 8080;
  const given = new Set((container.env ?? []).map(({ name }) => name));
  const added = [{ name: 'MODEL_NAME', value: service.metadata.name }].filter(({ name }) => !given.has(name));
  return {
    readinessProbe: { httpGet: { path: '/v2/health/ready', port } },
    ...container,
    ports: container.ports ?? [{ containerPort: port, protocol: 'TCP' }],
    env: [...(container.env ?? []), ...added],
  };
}

function serviceFor(service: InferenceService): Service {
  const port = service.spec?.predictor.containers?.[0]?.ports?.[0]?.containerPort ?? 8080;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: predictorMetadata(service),
    spec: {
      selector: { app: `isvc.${service.metadata.name}` },
      ports: [{ name: 'http', port: 80, targetPort: port, protocol: 'TCP' }],
    },
  };
}

const predictorMetadata = (service: InferenceService) => ({
  name: `${service.metadata.name}-predictor`,
  namespace: service.metadata.namespace ?? '',
  labels: { [labelName]: service.metadata.name },
  ownerReferences: [ownedBy(service)],
});

function isRolledOut({ status = {}, metadata, spec }: Deployment): boolean {
  const replicas = spec?.replicas ?? 1;
  return (
    status.observedGeneration === metadata.generation &&
    (status.updatedReplicas ?? 0) >= replicas &&
    (status.availableReplicas ?? 0) >= replicas &&
    (status.replicas ?? 0) === replicas
  );
}

/** Why a server of this service cannot start, where one cannot. */
async function failureOf(
  store: ResourceStore,
  { namespace, name }: ResourceKey,
): Promise<FailureInfo | undefined> {
  const { items } = await store.list<Pod>(kinds.Pod, {
    namespace,
    labels: [{ key: labelName, operator: 'In', values: [name] }],
  });
  return items.map(podFailure).find((failure) => failure !== undefined);
}

function conditionsOf(deployment: Deployment, failure: FailureInfo | undefined): Condition[] {
  const { status = {} } = deployment;
  const rolledOut = isRolledOut(deployment);
  const progress = findCondition(status.conditions, 'Progressing');
  const message = failure?.message ?? progress?.message ?? 'waiting for the predictor';
  const reason =
    failure?.reason ?? (progress?.status === 'False' ? 'ProgressDeadlineExceeded' : 'PredictorNotReady');
  const state = rolledOut ? { status: 'True' as const } : { status: 'False' as const, reason, message };
  return [
    { type: 'PredictorReady', ...state },
    { type: 'IngressReady', status: (status.availableReplicas ?? 0) > 0 ? 'True' : 'False' },
    { type: 'Ready', ...state },
  ];
}

/** Says what was found of the service as it was read: one that has changed since is looked at again. */
async function report(
  options: ServingOptions,
  service: InferenceService,
  conditions: readonly Condition[],
  failure?: FailureInfo,
): Promise<void> {
  const now = timestamp(options.clock);
  const key = keyOf(kinds.InferenceService, service);
  const url = `${options.appsUrl}/${key.namespace}/${key.name}`;
  await mutateStatus<InferenceService>(options.store, key, (draft) => {
    const ready = conditions.find(({ type }) => type === 'Ready')?.status === 'True';
    const before = draft.status ?? {};
    const next = {
      ...before,
      observedGeneration: service.metadata.generation ?? 0,
      url,
      address: { url },
      conditions: conditions.reduce(
        (all, condition) => withCondition(all, condition, now),
        before.conditions ?? [],
      ),
      modelStatus: {
        transitionStatus: ready ? 'UpToDate' : failure ? 'BlockedByFailedLoad' : 'InProgress',
        states: {
          activeModelState: ready ? 'Loaded' : 'Pending',
          targetModelState: ready ? 'Loaded' : failure ? 'FailedToLoad' : 'Loading',
        },
        ...(failure ? { lastFailureInfo: failure } : {}),
      },
    };
    if (canonicalJson(next) === canonicalJson(before)) return false;
    draft.status = next;
    return undefined;
  });
}
