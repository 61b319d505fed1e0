import { keyOf, keyText, kinds, type Pod } from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { inform } from '@tagboat/controller';
import type { Reader } from '@tagboat/store';
import type { Labels } from './series.ts';

/** One place that serves metrics as text. */
export interface Target {
  readonly url: string;
  readonly labels: Labels;
}

const serviceLabel = 'serving.kserve.io/inferenceservice';
const note = 'prometheus.io/';

/**
 * Where a pod serves metrics: every predictor does, and others say so with the annotations `prometheus.io/scrape`,
 * `port` and `path`.
 */
export function targetOf(pod: Pod): Target | undefined {
  const { metadata, status, spec } = pod;
  const notes = metadata.annotations ?? {};
  const service = metadata.labels?.[serviceLabel];
  const wanted = notes[`${note}scrape`] ?? (service === undefined ? 'false' : 'true');
  const ready = status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True');
  if (wanted !== 'true' || !ready || !status?.podIP || metadata.deletionTimestamp) return undefined;
  const ports = (spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const port = Number(status.hostPort ?? notes[`${note}port`] ?? ports[0]?.containerPort ?? 8080);
  const path = notes[`${note}path`] ?? '/metrics';
  return {
    url: `http://${status.podIP}:${port}${path.startsWith('/') ? path : `/${path}`}`,
    labels: {
      job: service === undefined ? 'pods' : 'inferenceservices',
      instance: `${status.podIP}:${port}`,
      namespace: metadata.namespace ?? '',
      pod: metadata.name,
      ...(service === undefined ? {} : { inferenceservice: service }),
    },
  };
}

/** The targets among the pods that are there, kept by watching. */
export class PodTargets implements AsyncDisposable {
  readonly #targets = new Map<string, Target>();
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;

  constructor(options: { reader: Reader; clock: Clock; log: Logger }) {
    this.#following = this.#follow(options);
  }

  all(): Target[] {
    return [...this.#targets.values()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async #follow(options: { reader: Reader; clock: Clock; log: Logger }): Promise<void> {
    for await (const { type, object } of inform<Pod>({
      ...options,
      type: kinds.Pod,
      signal: this.#stop.signal,
    })) {
      const id = keyText(keyOf(kinds.Pod, object));
      const target = type === 'DELETED' ? undefined : targetOf(object);
      if (target) this.#targets.set(id, target);
      else this.#targets.delete(id);
    }
  }
}
