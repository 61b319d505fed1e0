import type { ExecSession } from '@tagboat/api';
import type { Login } from '@tagboat/oci';
import type { ContainerUser } from './container-user.ts';
import type { ControlGroup, ResourceLimits } from './control-groups.ts';
import type { ResolvedImage } from './images.ts';
import type { Mount } from './volumes.ts';

export interface ContainerRequest {
  /** Marks every process of the pod, so that what a kill left behind is found again. */
  readonly podUid: string;
  /** A directory for this container's own files, below the pod's. */
  readonly directory: string;
  readonly hostname: string;
  readonly image: ResolvedImage;
  /** Command and arguments; where the first is not absolute it is looked up on the container's PATH. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly mounts: readonly Mount[];
  /** Absent: root, where the platform is root. */
  readonly user?: ContainerUser;
  /** The files outside the volumes cannot be written. */
  readonly readOnlyRoot?: boolean;
  /** Where the container's processes are counted and limited; absent where the host cannot. */
  readonly group?: ControlGroup;
  /** A directory whose files stand in the container's home when it starts, with their modes and owners. */
  readonly homeFiles?: string;
  /** A hosts file (hosts(5)) that the container sees as `/etc/hosts`. */
  readonly hostsFile?: string;
  readonly limits?: ResourceLimits;
  /** Keeps standard input open, for who attaches. */
  readonly stdin?: boolean;
  readonly tty?: boolean;
}

/** Takes a container's output. A promise that is returned makes the container wait until it resolves. */
export type ContainerOutput = (stream: 'stdout' | 'stderr', data: Uint8Array) => Promise<void> | void;

/** The standard input of a container that has one, and the size of its terminal. */
export interface ContainerInput {
  /** Resolves when the bytes are taken. */
  write(data: Uint8Array): Promise<void>;
  end(): void;
  resize(size: { readonly columns: number; readonly rows: number }): void;
}

export interface ContainerCommand {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
}

export interface ContainerExit {
  /** 128 + signal number where a signal ended it. */
  readonly exitCode: number;
  /** Why it could not start, where it could not. */
  readonly startError?: string;
  /** Whether it was ended for lack of memory, where the driver itself knows. */
  readonly outOfMemory?: boolean;
}

export interface RunningContainer {
  readonly pid: number | undefined;
  readonly exited: Promise<ContainerExit>;
  readonly input: ContainerInput | undefined;
  /** Starts another process in the container, as its user and in its directory. @throws `BadRequest` once it has ended */
  exec(command: ContainerCommand): Promise<ExecSession>;
  /** Asks the container to end, all its processes; after the grace period (milliseconds) it is killed. */
  stop(gracePeriod: number): void;
}

export interface WantedImage {
  readonly reference: string;
  readonly pullPolicy: string | undefined;
  /** The login that the pod has for the image's registry. */
  readonly login?: () => Promise<Login | undefined>;
}

/** Runs containers on this machine. One contract suite holds for all drivers. */
export interface ContainerDriver {
  readonly name: 'sandbox' | 'process' | 'container';
  /** True where every pod sees its mounts at their own paths. */
  readonly isolatesFiles: boolean;
  /** True where the driver itself applies limits; else the container joins the control group it is given. */
  readonly appliesLimits: boolean;
  /** What containers of images lack on this host, in words, once one was started; shown on every pod. */
  readonly shortcoming?: string | undefined;
  /** Gets an image in the driver's own way. Absent: it is unpacked, or stood in for by the host's tools. @throws `ImagePullFailed` */
  image?(wanted: WantedImage): Promise<ResolvedImage>;
  start(request: ContainerRequest, output: ContainerOutput): Promise<RunningContainer>;
}

/** The environment variable that marks a pod's processes. */
export const podMarker = 'TAGBOAT_POD_UID';
