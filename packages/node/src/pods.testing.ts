import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Container, kinds, type Pod, type PodSpec } from '@tagboat/api';
import { silentLogger, systemClock, TagboatError } from '@tagboat/base';
import type { Event } from '@tagboat/controller';
import { imageRoot } from '@tagboat/process/testing';
import { ObjectStore } from '@tagboat/store';
import { hostTools, type Node, startNode } from './index.ts';

/** A node of its own with one pod, `n/p`. */
export class PodWorld implements AsyncDisposable {
  readonly key = { type: kinds.Pod, namespace: 'n', name: 'p' };
  readonly home: string;
  readonly store = new ObjectStore({});
  #node: Node | undefined;

  private constructor(home: string) {
    this.home = home;
  }

  static async make(): Promise<PodWorld> {
    return new PodWorld(await mkdtemp(join(tmpdir(), 'tagboat-pods-')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.store[Symbol.asyncDispose]();
    await rm(this.home, { recursive: true, force: true });
  }

  /** Starts the node; it has two images, `own/image` and one without any file, `own/empty`. */
  async start(driver?: 'process'): Promise<void> {
    const { home, store } = this;
    this.#node = await startNode({
      store,
      clock: systemClock,
      log: silentLogger,
      home,
      images: async (reference) => {
        if (reference === 'own/empty')
          return { kind: 'rootfs', digest: 'sha256:0', directory: home, config: {} };
        if (reference !== 'own/image') throw new TagboatError('no such image', { reason: 'ImagePullFailed' });
        return {
          kind: 'rootfs',
          digest: 'sha256:1',
          directory: await imageRoot(join(home, 'image')),
          config: { User: 'worker', Env: ['FROM=image'], WorkingDir: '/srv' },
        };
      },
      tokenFor: () => 'the-token',
      environment: {},
      tools: hostTools({ tagboat: ['/bin/echo'], directories: [], python: async () => undefined }),
      ...(driver ? { driver } : {}),
    });
  }

  /** Ends the node, as the platform's end does. */
  async end(): Promise<void> {
    await this.#node?.[Symbol.asyncDispose]();
  }

  /** Creates the pod and waits until it is as wanted. */
  async run(spec: Partial<PodSpec>, wanted: (pod: Pod) => boolean): Promise<Pod> {
    await this.store.create<Pod>({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'n', labels: { app: 'web' } },
      spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [], ...spec },
    });
    return this.until(wanted);
  }

  async until(wanted: (pod: Pod) => boolean): Promise<Pod> {
    const from = (await this.store.list(kinds.Pod)).resourceVersion;
    const now = await this.store.get<Pod>(this.key);
    if (now && wanted(now)) return now;
    for await (const { object } of this.store.watch<Pod>(kinds.Pod, {}, { from }))
      if (wanted(object)) return object;
    throw new Error('the watch ended');
  }

  /** Deletes the pod and waits until its object is gone. */
  async removed(): Promise<void> {
    const from = (await this.store.list(kinds.Pod)).resourceVersion;
    await this.store.delete(this.key);
    if (!(await this.store.get(this.key))) return;
    for await (const { type } of this.store.watch<Pod>(kinds.Pod, {}, { from }))
      if (type === 'DELETED') return;
  }

  async logOf(container: string, previous = false): Promise<string> {
    let text = '';
    const parts = this.#node!.access.logs({ namespace: 'n', pod: 'p', container, previous });
    for await (const part of parts) text += part;
    return text;
  }

  /** What a command in a container of the pod prints. */
  async exec(container: string, ...command: string[]): Promise<string> {
    const request = { namespace: 'n', pod: 'p', container, command, stdin: false, tty: false };
    await using session = await this.#node!.access.exec(request);
    let text = '';
    for await (const data of session.stdout) text += Buffer.from(data).toString('utf8');
    await session.exitCode;
    return text;
  }

  /** All events, once there is one that begins so. */
  async events(wanted: string): Promise<string[]> {
    const from = (await this.store.list(kinds.Event)).resourceVersion;
    const reasons = async () =>
      (await this.store.list<Event>(kinds.Event)).items.map(({ reason, message }) => `${reason}: ${message}`);
    const found = await reasons();
    if (found.some((text) => text.startsWith(wanted))) return found;
    for await (const { object } of this.store.watch<Event>(kinds.Event, {}, { from }))
      if (`${object.reason}: ${object.message}`.startsWith(wanted)) break;
    return reasons();
  }
}

export const sh = (name: string, script: string, more: Partial<Container> = {}): Container => ({
  name,
  image: 'bash',
  command: ['sh', '-c', script],
  ...more,
});

export const phaseIs = (phase: string) => (pod: Pod) => pod.status?.phase === phase;

export const isReady = (pod: Pod) =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
