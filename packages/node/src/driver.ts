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
  readonly user?: number;
}

export interface ContainerExit {
  /** 128 + signal number where a signal ended it. */
  readonly exitCode: number;
  /** Why it could not start, where it could not. */
  readonly startError?: string;
}

export interface RunningContainer {
  readonly pid: number | undefined;
  readonly exited: Promise<ContainerExit>;
  /** Asks the container to end, all its processes; after the grace period (milliseconds) it is killed. */
  stop(gracePeriod: number): void;
}

/** Runs containers on this machine. One contract suite holds for all drivers. */
export interface ContainerDriver {
  readonly name: 'sandbox' | 'process' | 'container';
  /** True where every pod sees its mounts at their own paths. */
  readonly isolatesFiles: boolean;
  start(
    request: ContainerRequest,
    output: (stream: 'stdout' | 'stderr', data: Uint8Array) => void,
  ): Promise<RunningContainer>;
}

/** The environment variable that marks a pod's processes. */
export const podMarker = 'TAGBOAT_POD_UID';
