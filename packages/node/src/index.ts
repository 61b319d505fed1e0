import { mkdir, readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { kinds, type PersistentVolumeClaim, type Pod, type PodAccess } from '@tagboat/api';
import { type Clock, type Logger, shortHash } from '@tagboat/base';
import { Controller, EventRecorder } from '@tagboat/controller';
import { mutateStatus, type ResourceStore } from '@tagboat/store';
import { AddressPool } from './addresses.ts';
import type { NodeContext } from './context.ts';
import { ControlGroups } from './control-groups.ts';
import { DiskGuard } from './disk-guard.ts';
import type { ContainerDriver } from './driver.ts';
import { EngineDriver, type EngineOptions } from './engine-driver.ts';
import { findEngineSocket, LazyEngine } from './engine-socket.ts';
import { FileGuard } from './file-guard.ts';
import { makeHostImage } from './host-image.ts';
import type { HostTools } from './host-tools.ts';
import { HostsFiles } from './hosts-files.ts';
import type { ImageSource } from './images.ts';
import { NodeLayout } from './layout.ts';
import { ContainerLogs } from './logs.ts';
import { describeMachine, machineName } from './node-object.ts';
import { NodePodAccess } from './pod-access.ts';
import { PodReconciler } from './pod-controller.ts';
import { ProcessDriver } from './process-driver.ts';
import { reapLeftovers, reapPod } from './reap.ts';
import { resultsInUse } from './results-in-use.ts';
import { defaultRetained, type Retained, Retention } from './retention.ts';
import { probeSandbox, SandboxDriver } from './sandbox-driver.ts';
import { Slots } from './slots.ts';
import { Trash } from './trash.ts';

export { type HostTools, hostEnvironment, hostTools } from './host-tools.ts';
export { buildByEngine, engineProblem, type ImageBuild } from './image-build.ts';
export { type ImageConfig, type ImageSource, loginHint, type ResolvedImage } from './images.ts';
export { resultsKept } from './large-results.ts';
export { NodeLayout } from './layout.ts';
export { defaultRetained, type Keep, type Retained } from './retention.ts';
export { sharedClaimAnnotation } from './volumes.ts';

export interface NodeOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** `TAGBOAT_HOME`. */
  readonly home: string;
  readonly images: ImageSource;
  readonly tokenFor: (pod: Pod) => string;
  readonly environment: Readonly<Record<string, string>>;
  readonly tools: HostTools;
  /** Absent: `sandbox` where it works, else `process`. */
  readonly driver?: ContainerDriver['name'];
  /** Absent: 30 days and 2 GiB of logs, 90 days and 10 GiB of artifacts. */
  readonly retained?: Retained;
  /** Logs in to the registry of an image that a container engine pulls. */
  readonly registryLogin?: EngineOptions['login'];
}

export interface Node extends AsyncDisposable {
  readonly driver: ContainerDriver['name'];
  /** Why `sandbox` is not used, where it is not. */
  readonly driverNote: string | undefined;
  /** Logs, exec, attach and port-forward of the pods. */
  readonly access: PodAccess;
}

/** Why pods cannot run in sandboxes on this host; undefined where they can. */
export function probeHost(tools: HostTools, home: string): Promise<string | undefined> {
  return probeSandbox(tools, join(new NodeLayout(home).pods, `probe-${process.pid}`));
}

/** Starts running this machine's pods; ends first what an earlier life left behind. */
export async function startNode(options: NodeOptions): Promise<Node> {
  const { store, clock, log, home } = options;
  const layout = new NodeLayout(home);
  await mkdir(layout.pods, { recursive: true });
  const leftovers = new Set(await readdir(layout.pods));
  await reapLeftovers(leftovers, log);
  const trash = await Trash.open(layout.trash, { clock, log });
  for (const uid of leftovers) await trash.take(layout.pod(uid));
  const note =
    options.driver === 'process'
      ? 'the process driver was asked for'
      : options.driver === 'container'
        ? undefined
        : await probeSandbox(options.tools, join(layout.pods, 'probe'));
  const engine = new LazyEngine(() =>
    EngineDriver.connect({
      socket: findEngineSocket(),
      owner: shortHash([home]),
      log,
      hostImage: () => makeHostImage(options.tools, join(layout.sandboxes, 'engine')),
      ...(options.registryLogin ? { login: options.registryLogin } : {}),
    }),
  );
  const fileGuard =
    note === undefined ? undefined : await FileGuard.make(options.tools, home, layout.sandboxes);
  const driver =
    options.driver === 'container'
      ? await engine.get()
      : note === undefined
        ? new SandboxDriver({ tools: options.tools, directory: layout.sandboxes })
        : new ProcessDriver(options.tools, typeof fileGuard === 'string' ? undefined : fileGuard);
  const driverNote = typeof fileGuard === 'string' ? `${note}; ${openFiles(fileGuard)}` : note;
  const groups = await ControlGroups.detect(groupName(home));
  await groups.clean(groupPattern);
  const nodeName = machineName();
  const context: NodeContext = {
    store,
    clock,
    log,
    layout,
    logs: new ContainerLogs(layout, clock),
    driver,
    driverNote,
    images: options.images,
    tokenFor: options.tokenFor,
    environment: options.environment,
    addresses: new AddressPool(home),
    slots: new Slots(1000 * Math.max(2, availableParallelism())),
    trash,
    groups,
    hosts: new HostsFiles({ reader: store, clock, log }),
    engine,
    nodeName,
    events: new EventRecorder({ store, clock, log, component: 'kubelet', host: nodeName }),
    reap: async (uid) => {
      // Elsewhere a pid namespace or a control group ends what is left.
      if (driver.name === 'process' && groups.controllers.length === 0)
        await reapPod(uid, layout.pod(uid), log);
    },
  };
  await describeMachine(context, '0.1.0');
  const reconciler: PodReconciler = new PodReconciler(context, {
    ended: (key) => pods.enqueue(key),
    begun: () => guard.wake(),
  });
  const guard = new DiskGuard({
    layout,
    clock,
    log,
    pods: () =>
      reconciler.workers().map((worker) => ({
        pod: worker.declared,
        evict: (reason, message) => worker.evict(reason, message),
      })),
  });
  const pods: Controller = new Controller({
    name: 'pods',
    reader: store,
    type: kinds.Pod,
    reconciler,
    clock,
    log,
  }).start();
  const claims = claimController(context).start();
  const retained = options.retained ?? defaultRetained;
  const retention = new Retention({
    layout,
    clock,
    log,
    retained,
    inUse: (directory) => context.logs.isWriting(directory),
    usedResults: () => resultsInUse(store),
  });
  return {
    driver: driver.name,
    driverNote,
    access: new NodePodAccess({ reader: store, logs: context.logs, pods: reconciler, kept: retained.logs }),
    async [Symbol.asyncDispose]() {
      await retention[Symbol.asyncDispose]();
      await pods[Symbol.asyncDispose]();
      await claims[Symbol.asyncDispose]();
      await guard[Symbol.asyncDispose]();
      await reconciler[Symbol.asyncDispose]();
      await trash[Symbol.asyncDispose]();
      await context.hosts[Symbol.asyncDispose]();
      await context.events.flush();
      await groups[Symbol.asyncDispose]();
    },
  };
}

const openFiles = (why: string) => `they can read what this user can, the owner's token too, since ${why}`;

/** Claims are directories: bound when made, removed with the claim. */
function claimController({ store, layout, trash, clock, log }: NodeContext): Controller {
  return new Controller({
    name: 'claims',
    reader: store,
    type: kinds.PersistentVolumeClaim,
    clock,
    log,
    reconciler: {
      async reconcile(key) {
        const claim = await store.get<PersistentVolumeClaim>(key);
        if (!claim) await trash.take(layout.claim(key.namespace, key.name));
        else if (claim.status?.phase !== 'Bound')
          await mutateStatus<PersistentVolumeClaim>(store, key, (draft) => {
            draft.status = { ...draft.status, phase: 'Bound' };
          });
      },
    },
  });
}

/** With the pid: whichever platform starts next on this machine removes what a killed one left. */
const groupName = (home: string) => `tagboat-${shortHash([home])}-${process.pid}`;
const groupPattern = /^tagboat-[0-9a-f]+-(\d+)$/;
