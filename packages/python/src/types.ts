import type { Clock, Digest, Location } from '@tagboat/base';

/** One thing that is asked for, and where. */
export interface RequirementLine {
  /** A PEP 508 requirement, markers included: `numpy>=1.24; python_version < "3.13"`. */
  readonly requirement: string;
  /** The normalised name (PEP 503). */
  readonly name: string;
  /** `sha256:...` values given beside it; when there are any, no other file may be installed for it. */
  readonly hashes: readonly string[];
  readonly source: Location;
}

/** An installer option that the file sets, in pip's long form without the dashes. */
export interface InstallerOption {
  readonly name:
    | 'index-url'
    | 'extra-index-url'
    | 'find-links'
    | 'trusted-host'
    | 'no-index'
    | 'no-binary'
    | 'only-binary'
    | 'pre';
  /** Empty for a flag. `${NAME}` is still unexpanded, so no secret is in here. */
  readonly value: string;
  readonly source: Location;
}

/** A directory of the repository that is asked for as a package (`-e .`): its code is imported from where it is. */
export interface LocalProject {
  /** Relative to the directory that was read. */
  readonly path: string;
  /** What to put on PYTHONPATH, relative to the directory that was read: `path`, or its `src` where it has one. */
  readonly importRoot: string;
  /** Groups of its optional dependencies that are asked for: `-e .[train]`. */
  readonly extras: readonly string[];
  readonly source: Location;
}

/** What a project asks for, in whichever file it says so. Locations are relative to `directory`. */
export interface Requirements {
  readonly directory: string;
  readonly file: string;
  /** Which Pythons are acceptable: PEP 440 specifiers, or a bare `3.11` (any 3.11). */
  readonly pythonRequires?: { readonly specifier: string; readonly source: Location };
  readonly lines: readonly RequirementLine[];
  /** `-c` files: limits that apply only to what is installed anyway. */
  readonly constraints: readonly RequirementLine[];
  readonly options: readonly InstallerOption[];
  readonly projects: readonly LocalProject[];
  /** Every file that was read, relative to `directory`: together they decide the result. */
  readonly files: readonly string[];
}

/** A Python that runs on this host. */
export interface Interpreter {
  /** The base interpreter itself: no shim, no virtual environment, links followed. */
  readonly path: string;
  /** `3.11.7` */
  readonly version: string;
  /** `cpython`, `pypy` */
  readonly implementation: string;
  /** What compiled extensions must fit: `cpython-311-x86_64-linux-gnu`. */
  readonly abi: string;
  /** `linux-x86_64`, `macosx-11.0-arm64` */
  readonly platform: string;
  /** `glibc 2.36`, `musl`, or empty where there is only one. */
  readonly libc: string;
}

export type EnvironmentPhase = 'tool' | 'resolve' | 'wait' | 'download' | 'install' | 'ready';

export interface EnvironmentProgress {
  readonly phase: EnvironmentPhase;
  /** One sentence for a person. Comes at least every 3 seconds while work goes on. */
  readonly message: string;
  readonly packagesDone?: number;
  readonly packagesTotal?: number;
}

/** What the functions that start tools or use the network take. */
export interface WorkOptions {
  /** Tools, downloads, interpreters and remembered resolutions; shared by everybody on the machine. */
  readonly cacheDirectory: string;
  readonly onProgress?: (progress: EnvironmentProgress) => void;
  readonly signal?: AbortSignal;
  /** Where index settings, PATH and HOME are read (default: this process's). */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
}

export interface ResolveInterpreterOptions {
  /** `3.11`, `3.11.7`, specifiers such as `>=3.9,<3.13`, or an absolute path. Default: what PATH means by `python3`. */
  readonly wanted?: string;
  /** Who asked for it, for the error. */
  readonly source?: Location;
  /** Remembers what was probed, so that the next look starts no process. */
  readonly cacheDirectory?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface LockOptions extends WorkOptions {
  readonly requirements: Requirements;
  readonly interpreter: Interpreter;
  /** Requirements that are needed besides, such as `ipykernel`. */
  readonly extra?: readonly string[];
  /** Resolve anew even where a resolution is remembered. */
  readonly refresh?: boolean;
}

/** A lock that was made earlier, and what it was made for. */
export interface PinnedLock {
  /** Of the requirements, and the kind of Python. */
  readonly requires: Digest;
  /** Exact versions with hashes, in the format of requirements.txt. */
  readonly lock: string;
}

/** What an environment is asked for by. */
export interface EnvironmentRequest extends WorkOptions {
  readonly requirements: Requirements | { readonly directory: string; readonly file: string };
  /** As `ResolveInterpreterOptions.wanted`; default: what the requirements say. */
  readonly python?: string;
  readonly extra?: readonly string[];
  /** Used as it is where it was made for the same request; then nothing is resolved. */
  readonly pinned?: PinnedLock;
  readonly refresh?: boolean;
}

export interface EnsureEnvironmentOptions extends EnvironmentRequest {
  /** Environments live here, each in a directory named by its key. */
  readonly environmentsDirectory: string;
}

export interface Environment {
  /** 64 hexadecimal digits over the lock and the interpreter. */
  readonly key: string;
  readonly directory: string;
  /** The environment's own `bin/python`. */
  readonly python: string;
  readonly lock: string;
  /** True where the lock is the pinned one. */
  readonly pinned: boolean;
  /** True when it was there already. */
  readonly reused: boolean;
  readonly interpreter: Interpreter;
  readonly requirements: Requirements;
}
