import {
  type Container,
  type ContainerKey,
  type ContainerStatus,
  type ExecRequest,
  type ExecSession,
  kinds,
  type LogRequest,
  type Pod,
  type PodAccess,
  type PortConnection,
} from '@tagboat/api';
import { isReason, notFound, TagboatError } from '@tagboat/base';
import type { Reader } from '@tagboat/store';
import type { ContainerLogs } from './logs.ts';
import type { PodReconciler } from './pod-controller.ts';
import { connectPort, listensOn } from './port-connection.ts';
import { describeKeep, type Keep } from './retention.ts';

export interface NodePodAccessOptions {
  readonly reader: Reader;
  readonly logs: ContainerLogs;
  readonly pods: PodReconciler;
  /** How long logs stay. */
  readonly kept: Keep;
}

/** Waits that end by themselves; a container in any other one is stuck. */
const starting = new Set(['PodInitializing', 'ContainerCreating', '']);

/** Logs, exec, attach and port-forward of the pods of this machine. */
export class NodePodAccess implements PodAccess {
  readonly #options: NodePodAccessOptions;

  constructor(options: NodePodAccessOptions) {
    this.#options = options;
  }

  async *logs(request: LogRequest): AsyncGenerator<string> {
    const { logs } = this.#options;
    if (!request.previous && !logs.isLive(request)) await this.#started(request);
    try {
      yield* logs.read(request);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
      if (!request.previous && (await this.#wasSkipped(request))) return;
      if (!request.previous) throw await this.#gone(request, error);
      throw badRequest(
        `previous terminated container "${request.container}" in pod "${request.pod}" not found`,
      );
    }
  }

  /** Whether the container is a step that was passed over: it has written nothing. */
  async #wasSkipped({ namespace, pod: name, container }: LogRequest): Promise<boolean> {
    const pod = await this.#options.reader.get<Pod>({ type: kinds.Pod, namespace, name });
    const message = pod && statusOf(pod, container)?.state?.terminated?.message;
    return message?.includes('{"key":"Reason","value":"Skipped"') ?? false;
  }

  /** Why a container that has run has no log any more. */
  async #gone({ namespace, pod: name, container }: LogRequest, error: Error): Promise<Error> {
    const { reader, kept } = this.#options;
    const pod = await reader.get<Pod>({ type: kinds.Pod, namespace, name });
    if (!pod) return notFound(`pods "${name}" not found`);
    if (!wasStarted(statusOf(pod, container))) return error;
    return notFound(
      `the log of container "${container}" of pod ${namespace}/${name} is no longer kept: logs stay ${describeKeep(kept)}`,
      { hint: 'keep.logs in tagboat.config.yaml says for how long' },
    );
  }

  async exec(request: ExecRequest): Promise<ExecSession> {
    const { running } = await this.#running(request);
    return running.exec(request);
  }

  async attach(request: Omit<ExecRequest, 'command'>): Promise<ExecSession> {
    const { running, container, worker } = await this.#running(request);
    if (request.stdin && !container.stdin)
      throw badRequest(
        `container "${container.name}" of pod "${request.pod}" has no standard input: expected stdin: true in its spec`,
      );
    const options = {
      stdin: request.stdin,
      tty: container.tty ?? false,
      stdinOnce: container.stdinOnce ?? false,
    };
    return worker.attachments(container.name).attach(running, options);
  }

  async connect({
    namespace,
    name,
    port,
  }: {
    namespace: string;
    name: string;
    port: number;
  }): Promise<PortConnection> {
    const pod = await this.#pod(namespace, name);
    const worker = this.#options.pods.worker(namespace, name);
    const { podIP, hostPort } = pod.status ?? {};
    const declared = (pod.spec?.containers ?? []).flatMap(({ ports }) => ports ?? [])[0]?.containerPort;
    const own = podIP && (await connectPort(podIP, hostPort && port === declared ? hostPort : port));
    if (own) return own;
    const pids = worker?.pids ?? [];
    // On the shared network a pod may listen on the machine's own loopback address; no other pod's port is given out.
    const local =
      pids.length > 0 && (await listensOn(port, pids)) ? await connectPort('127.0.0.1', port) : undefined;
    if (local) return local;
    throw badRequest(`nothing listens on port ${port} of pod "${name}"`);
  }

  async #pod(namespace: string, name: string): Promise<Pod> {
    const pod = await this.#options.reader.get<Pod>({ type: kinds.Pod, namespace, name });
    if (!pod) throw notFound(`pods "${name}" not found`);
    return pod;
  }

  async #running(key: ContainerKey) {
    const pod = await this.#pod(key.namespace, key.pod);
    const container = containerOf(pod, key.container);
    if (!container) throw notFound(`container "${key.container}" not found in pod "${key.pod}"`);
    const worker = this.#options.pods.worker(key.namespace, key.pod);
    const running = worker?.runningContainer(key.container);
    if (!worker || !running)
      throw badRequest(`container "${key.container}" of pod "${key.pod}" does not run${phaseOf(pod)}`);
    return { running, container, worker };
  }

  /** Resolves once the container has a log; a pod that is gone may have left one. @throws `BadRequest` */
  async #started(request: LogRequest): Promise<void> {
    const { reader, logs } = this.#options;
    const key = { type: kinds.Pod, namespace: request.namespace, name: request.pod };
    const { resourceVersion } = await reader.list<Pod>(kinds.Pod, {
      namespace: request.namespace,
      name: request.pod,
      limit: 1,
    });
    const hasLog = (pod: Pod | undefined) => {
      if (!pod || logs.isLive(request) || wasStarted(statusOf(pod, request.container))) return true;
      const waiting = statusOf(pod, request.container)?.state?.waiting;
      const over = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
      if (request.follow && !over && starting.has(waiting?.reason ?? '')) return false;
      throw badRequest(
        `container "${request.container}" in pod "${request.pod}" is waiting to start: ${waiting?.reason ?? pod.status?.reason ?? 'ContainerCreating'}${waiting?.message ? `: ${waiting.message}` : ''}`,
      );
    };
    if (hasLog(await reader.get<Pod>(key))) return;
    const { signal } = request;
    const events = reader.watch<Pod>(
      kinds.Pod,
      { namespace: request.namespace, name: request.pod },
      { from: resourceVersion, ...(signal ? { signal } : {}) },
    );
    for await (const { type, object } of events) if (type === 'DELETED' || hasLog(object)) return;
  }
}

function containerOf(pod: Pod, name: string): Container | undefined {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  return [...initContainers, ...containers].find((container) => container.name === name);
}

function statusOf(pod: Pod, container: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  return [...initContainerStatuses, ...containerStatuses].find(({ name }) => name === container);
}

const wasStarted = (status: ContainerStatus | undefined) =>
  status !== undefined && (status.state?.waiting === undefined || status.lastState?.terminated !== undefined);

const phaseOf = (pod: Pod) => (pod.status?.phase ? `: the pod is ${pod.status.phase}` : '');

function badRequest(message: string): TagboatError {
  return new TagboatError(message, { reason: 'BadRequest', retryable: false });
}
