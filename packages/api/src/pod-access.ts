/** Names one container of a pod. */
export interface ContainerKey {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

export interface LogRequest extends ContainerKey {
  readonly tailLines?: number;
  /** Only lines written at this time or later (RFC 3339). */
  readonly sinceTime?: string;
  readonly limitBytes?: number;
  readonly timestamps?: boolean;
  /** The log of the container's life before the present one. */
  readonly previous?: boolean;
  /** Goes on with new lines until the container has ended or the signal aborts. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

export interface ExecRequest extends ContainerKey {
  readonly command: readonly string[];
  readonly stdin: boolean;
  /** A terminal: stderr then arrives with stdout. */
  readonly tty: boolean;
}

/** One process in a container, or the container's own process (attach). */
export interface ExecSession extends AsyncDisposable {
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /** Resolves when the bytes are taken, so that a fast sender waits. */
  write(data: Uint8Array): Promise<void>;
  endInput(): void;
  resize(size: { readonly columns: number; readonly rows: number }): void;
  /** 128 + signal number where a signal ended it. */
  readonly exitCode: Promise<number>;
}

/** A byte stream to a port of a pod. */
export interface PortConnection extends AsyncDisposable {
  readonly output: AsyncIterable<Uint8Array>;
  write(data: Uint8Array): Promise<void>;
  end(): void;
}

/**
 * What a kubelet offers beside running pods. The node offers it, the API server puts Kubernetes' own protocols on it,
 * the composition root hands it from one to the other.
 */
export interface PodAccess {
  /** Whole lines. @throws `NotFound` where the container never wrote a log, `BadRequest` where it has not started yet */
  logs(request: LogRequest): AsyncIterable<string>;
  /** @throws `NotFound`, `BadRequest` where the container does not run */
  exec(request: ExecRequest): Promise<ExecSession>;
  /** @throws `NotFound`, `BadRequest` where the container does not run */
  attach(request: Omit<ExecRequest, 'command'>): Promise<ExecSession>;
  /** @throws `NotFound`, `BadRequest` where nothing listens there */
  connect(pod: {
    readonly namespace: string;
    readonly name: string;
    readonly port: number;
  }): Promise<PortConnection>;
}
