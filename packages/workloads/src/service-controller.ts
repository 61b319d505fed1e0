import {
  apiVersionOf,
  type EndpointAddress,
  type Endpoints,
  type KubernetesObject,
  keyOf,
  keyText,
  kinds,
  matchesLabels,
  ownedBy,
  type Pod,
  type ResourceKey,
  type Service,
} from '@tagboat/api';
import { canonicalJson, shortHash } from '@tagboat/base';
import { Controller, type EventRecorder, type Result } from '@tagboat/controller';
import { createIfAbsent, mutate, type ResourceStore } from '@tagboat/store';
import { isEnding, isOver, isReady, recorder, type WorkloadOptions } from './owned-pods.ts';
import { listenerPorts, targetPort } from './service-ports.ts';
import { ServiceProxy } from './service-proxy.ts';

/** Milliseconds. */
const untilNextTry = 10_000;

/**
 * Gives Services an address on loopback, keeps their Endpoints, and passes connections on to their ready pods: the
 * work of kube-proxy and the endpoints controllers.
 */
export class ServiceController implements AsyncDisposable {
  readonly #options: WorkloadOptions;
  readonly #events: EventRecorder;
  readonly #proxy: ServiceProxy;
  readonly #controller: Controller;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#events = recorder(options, 'service-controller');
    this.#proxy = new ServiceProxy();
    this.#controller = new Controller({
      name: 'service',
      reader: options.store,
      type: kinds.Service,
      clock: options.clock,
      log: options.log,
      // Addresses are given out one at a time.
      concurrency: 1,
      reconciler: { reconcile: (key) => this.#reconcile(key) },
      watches: [{ type: kinds.Pod, keys: (pod) => servicesOf(options.store, pod as Pod) }],
    });
  }

  start(): this {
    this.#controller.start();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#controller[Symbol.asyncDispose]();
    await this.#proxy[Symbol.asyncDispose]();
    await this.#events.flush();
  }

  async #reconcile(key: ResourceKey): Promise<Result> {
    const { store } = this.#options;
    const stored = await store.get<Service>(key);
    if (!stored?.spec || stored.metadata.deletionTimestamp) return this.#close(key);
    const service = await this.#withAddress(stored);
    if (!service.spec!.selector) return this.#close(key);
    const { items } = await store.list<Pod>(kinds.Pod, { namespace: key.namespace });
    const pods = selectedPods(service, items);
    await writeEndpoints(store, service, pods);
    const ready = pods.filter(isServing(service));
    const problems = await this.#proxy.set(keyText(key), listenerPorts(service, ready));
    for (const message of problems)
      this.#events.record(service, { type: 'Warning', reason: 'PortNotBound', message });
    // Whoever has the port may leave it, and says nothing then.
    return problems.length > 0 ? { again: untilNextTry } : undefined;
  }

  async #close(key: ResourceKey): Promise<undefined> {
    await this.#proxy.set(keyText(key), []);
  }

  /** Gives a Service what the API server's defaults give it on a cluster: an address of its own, and ports. */
  async #withAddress(service: Service): Promise<Service> {
    const { spec } = service;
    if (spec!.type === 'ExternalName' || spec!.clusterIP) return service;
    const { store } = this.#options;
    const { items } = await store.list<Service>(kinds.Service);
    const used = new Set(items.map((other) => other.spec?.clusterIP));
    const ports = new Set(items.flatMap((other) => other.spec?.ports ?? []).map(({ nodePort }) => nodePort));
    const clusterIP = freeAddress(service, used, this.#options.seed);
    return mutate<Service>(store, keyOf(kinds.Service, service), (draft) => {
      const declared = draft.spec!;
      declared.type ??= 'ClusterIP';
      declared.clusterIP = clusterIP;
      declared.clusterIPs = [clusterIP];
      declared.ipFamilies ??= ['IPv4'];
      declared.ipFamilyPolicy ??= 'SingleStack';
      declared.internalTrafficPolicy ??= 'Cluster';
      declared.sessionAffinity ??= 'None';
      for (const port of declared.ports ?? []) {
        port.protocol ??= 'TCP';
        port.targetPort ??= port.port;
        if (declared.type === 'NodePort' || declared.type === 'LoadBalancer')
          port.nodePort ??= freePort(ports);
      }
    });
  }
}

async function servicesOf(store: ResourceStore, pod: Pod): Promise<ResourceKey[]> {
  const { items } = await store.list<Service>(kinds.Service, { namespace: pod.metadata.namespace ?? '' });
  return items
    .filter(({ spec }) => spec?.selector && matchesLabels(pod.metadata.labels, requirementsOf(spec.selector)))
    .map((service) => keyOf(kinds.Service, service));
}

export const requirementsOf = (selector: Readonly<Record<string, string>>) =>
  Object.entries(selector).map(([key, value]) => ({ key, operator: 'In' as const, values: [value] }));

function selectedPods(service: Service, pods: readonly Pod[]): Pod[] {
  const requirements = requirementsOf(service.spec!.selector ?? {});
  return pods.filter(
    (pod) => pod.status?.podIP && !isOver(pod) && matchesLabels(pod.metadata.labels, requirements),
  );
}

const isServing =
  ({ spec }: Service) =>
  (pod: Pod) =>
    !isEnding(pod) && (isReady(pod) || spec?.publishNotReadyAddresses === true);

/** 127.192.0.0/10 is for Services; pods have 127.64.0.0/10. */
function freeAddress(service: Service, used: ReadonlySet<string | undefined>, seed = ''): string {
  const { namespace = '', name } = service.metadata;
  for (let attempt = 0; ; attempt++) {
    const number = Number.parseInt(shortHash([seed, namespace, name, String(attempt)], 8), 16);
    const address = `127.${192 + ((number >>> 16) & 63)}.${(number >>> 8) & 255}.${number & 255 || 1}`;
    if (!used.has(address)) return address;
  }
}

function freePort(used: Set<number | undefined>): number {
  for (let port = 30_000; ; port++) {
    if (used.has(port)) continue;
    used.add(port);
    return port;
  }
}

async function writeEndpoints(store: ResourceStore, service: Service, pods: readonly Pod[]): Promise<void> {
  const serving = isServing(service);
  const addresses = pods.filter(serving).map(addressOf);
  const notReady = pods.filter((pod) => !serving(pod) && !isEnding(pod)).map(addressOf);
  const ports = (service.spec!.ports ?? []).map((port) => ({
    ...(port.name ? { name: port.name } : {}),
    port: targetPort(port, pods[0]),
    protocol: port.protocol ?? 'TCP',
  }));
  const subsets =
    addresses.length + notReady.length === 0
      ? undefined
      : [
          {
            ...(addresses.length > 0 ? { addresses } : {}),
            ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
            ports,
          },
        ];
  const { name, namespace = '' } = service.metadata;
  await put<Endpoints>(store, {
    apiVersion: apiVersionOf(kinds.Endpoints),
    kind: 'Endpoints',
    metadata: {
      name,
      namespace,
      labels: { ...service.metadata.labels },
      ownerReferences: [ownedBy(service)],
    },
    ...(subsets ? { subsets } : {}),
  });
  await put<EndpointSlice>(store, sliceOf(service, { pods, serving, ports }));
}

type EndpointSlice = KubernetesObject & { endpoints?: unknown; ports?: unknown; addressType?: string };

function sliceOf(
  service: Service,
  {
    pods,
    serving,
    ports,
  }: { pods: readonly Pod[]; serving: (pod: Pod) => boolean; ports: readonly object[] },
): EndpointSlice {
  const { name, namespace = '' } = service.metadata;
  return {
    apiVersion: apiVersionOf(kinds.EndpointSlice),
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-tagboat`,
      namespace,
      labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'tagboat' },
      ownerReferences: [ownedBy(service)],
    },
    addressType: 'IPv4',
    endpoints: pods.map((pod) => {
      const { ip, ...target } = addressOf(pod);
      return {
        addresses: [ip],
        conditions: { ready: serving(pod), serving: isReady(pod), terminating: isEnding(pod) },
        ...target,
      };
    }),
    ports,
  };
}

const addressOf = (pod: Pod): EndpointAddress => ({
  ip: pod.status!.podIP!,
  ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
  targetRef: {
    kind: 'Pod',
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    uid: pod.metadata.uid ?? '',
  },
});

/** Creates the object or makes its content this. */
async function put<T extends KubernetesObject>(store: ResourceStore, wanted: T): Promise<void> {
  const type = wanted.kind === 'Endpoints' ? kinds.Endpoints : kinds.EndpointSlice;
  const key = keyOf(type, wanted);
  const stored = await createIfAbsent<T>(store, key, wanted);
  const content = ({ metadata: _, ...rest }: T) => canonicalJson(rest);
  if (content(stored) === content(wanted)) return;
  await mutate<T>(store, key, (draft) => {
    for (const field of Object.keys(draft))
      if (field !== 'metadata' && !(field in wanted)) delete (draft as Record<string, unknown>)[field];
    Object.assign(draft, { ...wanted, metadata: draft.metadata });
  });
}
