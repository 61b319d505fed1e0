import {
  keyOf,
  keyText,
  kinds,
  matchesLabels,
  type Pod,
  type ResourceType,
  type Service,
} from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { inform } from '@tagboat/controller';
import type { Reader } from '@tagboat/store';
import { isReady } from './replica-set-controller.ts';

/** Where one ready pod is reached. */
export interface Backend {
  readonly pod: string;
  readonly host: string;
  readonly port: number;
}

/** Which ready pods each Service has, kept by watching: asking costs nothing. */
export class RouteTable implements AsyncDisposable {
  readonly #services = new Map<string, Service>();
  readonly #pods = new Map<string, Pod>();
  readonly #cache = new Map<string, readonly Backend[]>();
  readonly #stop = new AbortController();
  readonly #following: Promise<void>[] = [];

  constructor(options: { reader: Reader; clock: Clock; log: Logger }) {
    this.#following.push(
      this.#follow(options, kinds.Service, this.#services as Map<string, never>),
      this.#follow(options, kinds.Pod, this.#pods as Map<string, never>),
    );
  }

  /** The ready pods of a Service, or undefined where there is no such Service. */
  backends(namespace: string, name: string): readonly Backend[] | undefined {
    const id = `${namespace}/${name}`;
    const cached = this.#cache.get(id);
    if (cached) return cached;
    const service = [name, `${name}-predictor`]
      .map((candidate) => this.#services.get(keyText({ type: kinds.Service, namespace, name: candidate })))
      .find((found) => found !== undefined);
    if (!service) return undefined;
    const selector = service.spec?.selector ?? {};
    const requirements = Object.entries(selector).map(([key, value]) => ({
      key,
      operator: 'In' as const,
      values: [value],
    }));
    const found = [...this.#pods.values()]
      .filter((pod) => pod.metadata.namespace === namespace && requirements.length > 0)
      .filter(
        (pod) =>
          isReady(pod) &&
          !pod.metadata.deletionTimestamp &&
          pod.status?.podIP &&
          matchesLabels(pod.metadata.labels, requirements),
      )
      .map((pod) => ({
        pod: pod.metadata.name,
        host: pod.status!.podIP!,
        port: pod.status!.hostPort ?? targetPort(service, pod),
      }));
    this.#cache.set(id, found);
    return found;
  }

  /** Namespace and name of every Service. */
  services(): readonly Service[] {
    return [...this.#services.values()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#following);
  }

  async #follow<T extends Pod | Service>(
    options: { reader: Reader; clock: Clock; log: Logger },
    type: ResourceType,
    into: Map<string, T>,
  ): Promise<void> {
    for await (const event of inform<T>({ ...options, type, signal: this.#stop.signal })) {
      const id = keyText(keyOf(type, event.object));
      if (event.type === 'DELETED') into.delete(id);
      else into.set(id, event.object);
      this.#cache.clear();
    }
  }
}

function targetPort(service: Service, pod: Pod): number {
  const wanted = service.spec?.ports?.[0];
  const target = wanted?.targetPort ?? wanted?.port ?? 8080;
  if (typeof target === 'number') return target;
  const ports = (pod.spec?.containers ?? []).flatMap(({ ports: own }) => own ?? []);
  return ports.find(({ name }) => name === target)?.containerPort ?? 8080;
}
