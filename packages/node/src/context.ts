import type { Pod } from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import type { EventRecorder } from '@tagboat/controller';
import type { ResourceStore } from '@tagboat/store';
import type { AddressPool } from './addresses.ts';
import type { ControlGroups } from './control-groups.ts';
import type { ContainerDriver } from './driver.ts';
import type { LazyEngine } from './engine-socket.ts';
import type { HostsFiles } from './hosts-files.ts';
import type { ImageSource } from './images.ts';
import type { NodeLayout } from './layout.ts';
import type { ContainerLogs } from './logs.ts';
import type { Slots } from './slots.ts';
import type { Trash } from './trash.ts';

/** What running a pod needs. */
export interface NodeContext {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly layout: NodeLayout;
  readonly logs: ContainerLogs;
  readonly driver: ContainerDriver;
  /** Why a better driver is not used; shown as a condition of every pod. */
  readonly driverNote: string | undefined;
  readonly images: ImageSource;
  readonly tokenFor: (pod: Pod) => string;
  /** Environment every container gets, such as `TAGBOAT_URL`. */
  readonly environment: Readonly<Record<string, string>>;
  readonly addresses: AddressPool;
  readonly slots: Slots;
  readonly trash: Trash;
  readonly events: EventRecorder;
  readonly groups: ControlGroups;
  /** For pods that must run in an engine's containers, whatever the node's own driver is. */
  readonly engine: LazyEngine;
  /** The names of Services, for pods. */
  readonly hosts: HostsFiles;
  /** Of the `Node` object that is this machine. */
  readonly nodeName: string;
  /** Ends what processes of a pod's containers left behind. */
  readonly reap: (podUid: string) => Promise<void>;
}
