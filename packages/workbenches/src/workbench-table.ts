import {
  findCondition,
  type KubernetesObject,
  keyOf,
  keyText,
  kinds,
  type Notebook,
  type Pod,
  type ResourceType,
  type Secret,
} from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { inform } from '@tagboat/controller';
import type { Reader } from '@tagboat/store';
import { serverUrl } from './jupyter-server.ts';
import { podName, tokenSecretName } from './pod-of.ts';

export interface TableOptions {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Upstream {
  readonly url: string;
  readonly token: string;
}

/** Workbenches, their pods and their servers' tokens, kept by watching: asking costs nothing. */
export class WorkbenchTable implements AsyncDisposable {
  readonly #notebooks = new Map<string, Notebook>();
  readonly #pods = new Map<string, Pod>();
  readonly #tokens = new Map<string, string>();
  readonly #stop = new AbortController();
  readonly #following: Promise<void>[];
  readonly #listeners = new Set<() => void>();

  constructor(options: TableOptions) {
    this.#following = [
      this.#follow<Notebook>(options, kinds.Notebook, (id, notebook) => put(this.#notebooks, id, notebook)),
      this.#follow<Pod>(options, kinds.Pod, (id, pod) => put(this.#pods, id, pod)),
      this.#follow<Secret & KubernetesObject>(options, kinds.Secret, (id, secret) => {
        const token = secret?.data?.token;
        if (id.endsWith('-workbench-token'))
          put(this.#tokens, id, token && Buffer.from(token, 'base64').toString('utf8'));
      }),
    ];
  }

  notebook(namespace: string, name: string): Notebook | undefined {
    return this.#notebooks.get(keyText({ type: kinds.Notebook, namespace, name }));
  }

  pod(namespace: string, name: string): Pod | undefined {
    return this.#pods.get(keyText({ type: kinds.Pod, namespace, name: podName(name) }));
  }

  /** Where a workbench answers; undefined while it does not. */
  upstream(namespace: string, name: string): Upstream | undefined {
    const pod = this.pod(namespace, name);
    if (!pod || findCondition(pod.status?.conditions, 'Ready')?.status !== 'True') return undefined;
    const url = serverUrl(pod);
    const token = this.#tokens.get(keyText({ type: kinds.Secret, namespace, name: tokenSecretName(name) }));
    return url && token ? { url, token } : undefined;
  }

  /** Calls the listener after every change of anything. */
  listen(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#following);
  }

  async #follow<T extends KubernetesObject>(
    options: TableOptions,
    type: ResourceType,
    set: (id: string, object: T | undefined) => void,
  ): Promise<void> {
    for await (const event of inform<T>({ ...options, type, signal: this.#stop.signal })) {
      set(keyText(keyOf(type, event.object)), event.type === 'DELETED' ? undefined : event.object);
      for (const tell of this.#listeners) tell();
    }
  }
}

function put<T>(map: Map<string, T>, id: string, value: T | undefined): void {
  if (value === undefined) map.delete(id);
  else map.set(id, value);
}
