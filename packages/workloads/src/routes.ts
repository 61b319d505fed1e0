import {
  type Ingress,
  type KubernetesObject,
  keyOf,
  keyText,
  kinds,
  matchesLabels,
  type Pod,
  type ResourceType,
  type Route,
  type Service,
} from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { inform } from '@tagboat/controller';
import type { Reader } from '@tagboat/store';
import { type HostRule, ingressRules, matchRule, routeRules } from './host-routes.ts';
import { isEnding, isReady } from './owned-pods.ts';
import { requirementsOf } from './service-controller.ts';
import { podAddress, targetPort } from './service-ports.ts';

/** Where one ready pod is reached. */
export interface Backend {
  readonly pod: string;
  readonly host: string;
  readonly port: number;
}

interface RouteTableOptions {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Which ready pods each Service has, and which hosts lead to which, kept by watching: asking costs nothing. */
export class RouteTable implements AsyncDisposable {
  readonly #services = new Map<string, Service>();
  readonly #pods = new Map<string, Pod>();
  readonly #rules = new Map<string, readonly HostRule[]>();
  readonly #cache = new Map<string, readonly Backend[]>();
  readonly #stop = new AbortController();
  readonly #following: Promise<void>[] = [];
  readonly #waiting = new Set<() => void>();
  #allRules: readonly HostRule[] = [];

  constructor(options: RouteTableOptions) {
    this.#following.push(
      this.#follow<Service>(options, kinds.Service, (id, service) => keep(this.#services, id, service)),
      this.#follow<Pod>(options, kinds.Pod, (id, pod) => keep(this.#pods, id, pod)),
      this.#follow<Ingress>(options, kinds.Ingress, (id, ingress) =>
        this.#setRules(id, ingress && ingressRules(ingress)),
      ),
      this.#follow<Route>(options, kinds.Route, (id, route) =>
        this.#setRules(id, route && routeRules(route)),
      ),
    );
  }

  /**
   * The ready pods of a Service, or undefined where there is no such Service.
   * @param port of the Service, by number or name; absent: its first
   */
  backends(namespace: string, name: string, port?: number | string): readonly Backend[] | undefined {
    const id = `${namespace}/${name}:${port ?? ''}`;
    const cached = this.#cache.get(id);
    if (cached) return cached;
    const service = [name, `${name}-predictor`]
      .map((candidate) => this.#services.get(keyText({ type: kinds.Service, namespace, name: candidate })))
      .find((found) => found !== undefined);
    if (!service) return undefined;
    const found = this.#readyPods(namespace, service).map((pod) => ({
      pod: pod.metadata.name,
      ...podAddress(pod, targetPort(portOf(service, port), pod)),
    }));
    this.#cache.set(id, found);
    return found;
  }

  /** The Ingress or Route rule that a request follows. @param path without its query */
  rule(host: string, path: string): HostRule | undefined {
    return this.#allRules.length === 0 ? undefined : matchRule(this.#allRules, host, path);
  }

  /** True where an Ingress or Route names the host. */
  servesHost(host: string): boolean {
    const named = this.#allRules.filter((rule) => rule.host !== undefined);
    return (
      named.length > 0 &&
      matchRule(
        named.map((rule) => ({ ...rule, path: '/', exact: false })),
        host,
        '/',
      ) !== undefined
    );
  }

  /** Resolves when anything has changed, or the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
      this.#waiting.add(wake);
    });
  }

  /** Namespace and name of every Service. */
  services(): readonly Service[] {
    return [...this.#services.values()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#following);
  }

  #readyPods(namespace: string, { spec }: Service): Pod[] {
    const requirements = requirementsOf(spec?.selector ?? {});
    if (requirements.length === 0) return [];
    return [...this.#pods.values()].filter(
      (pod) =>
        pod.metadata.namespace === namespace &&
        isReady(pod) &&
        !isEnding(pod) &&
        pod.status?.podIP &&
        matchesLabels(pod.metadata.labels, requirements),
    );
  }

  #setRules(id: string, rules: readonly HostRule[] | undefined): void {
    keep(this.#rules, id, rules);
    this.#allRules = [...this.#rules.values()].flat();
  }

  async #follow<T extends KubernetesObject>(
    options: RouteTableOptions,
    type: ResourceType,
    take: (id: string, object: T | undefined) => void,
  ): Promise<void> {
    for await (const event of inform<T>({ ...options, type, signal: this.#stop.signal })) {
      take(keyText(keyOf(type, event.object)), event.type === 'DELETED' ? undefined : event.object);
      this.#cache.clear();
      for (const wake of [...this.#waiting]) wake();
    }
  }
}

function portOf({ spec }: Service, wanted: number | string | undefined) {
  const ports = spec?.ports ?? [];
  // A Route names the pod's port, an Ingress the Service's.
  return (
    ports.find(({ name, port }) => wanted !== undefined && (port === wanted || name === wanted)) ??
    ports.find(({ targetPort: target }) => wanted !== undefined && target === wanted) ??
    ports[0]
  );
}

function keep<T>(map: Map<string, T>, id: string, value: T | undefined): void {
  if (value === undefined) map.delete(id);
  else map.set(id, value);
}
