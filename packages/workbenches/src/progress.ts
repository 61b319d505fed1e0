import {
  findCondition,
  type Notebook,
  notebookAnnotations,
  type Pod,
  type WorkbenchPhase,
} from '@tagboat/api';
import { mainContainer, podName } from './pod-of.ts';
import type { WorkbenchTable } from './workbench-table.ts';

/** One step of a workbench's start (JupyterHub's spawn progress: `progress`, `message`, `ready`, `failed`, `url`). */
export interface ProgressEvent {
  /** Of 100. */
  readonly progress: number;
  readonly message: string;
  readonly phase: WorkbenchPhase | 'Unknown';
  readonly ready?: true;
  readonly failed?: true;
}

/** Text of a container's log as it comes, until the signal aborts. */
export type FollowLog = (
  container: { namespace: string; pod: string; container: string },
  signal: AbortSignal,
) => AsyncIterable<string>;

export interface ProgressSource {
  readonly table: WorkbenchTable;
  readonly followLog: FollowLog;
}

/** Lines of the Jupyter server itself, which tell a person nothing about its start. */
const serverLine = /^\[[A-Z] \d{4}-|^\s|^$/;

/** What happens while a workbench starts, until it runs, failed, or stopped. */
export async function* progressOf(
  source: ProgressSource,
  { namespace, name }: { namespace: string; name: string },
  signal: AbortSignal,
): AsyncGenerator<ProgressEvent> {
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  const wake = new Wake(stop);
  using _listening = source.table.listen(() => wake.up());
  const log = new StartLog(source, { namespace, name, stop, wake });
  let said = '';
  let steps = 0;
  try {
    while (!signal.aborted) {
      const end = endOf(source.table, namespace, name);
      if (end) {
        yield end;
        return;
      }
      log.follow();
      const ready = findCondition(source.table.notebook(namespace, name)?.status?.conditions, 'Ready');
      const message = log.last() ?? (said || 'starts');
      if (message !== said) {
        said = message;
        // Nobody knows how long it takes: each step goes a fifth of what is left.
        const progress = Math.round(95 * (1 - 0.8 ** ++steps));
        yield { progress, message, phase: (ready?.reason ?? 'Unknown') as ProgressEvent['phase'] };
      }
      await wake.wait();
    }
  } finally {
    ended.abort();
  }
}

/** The last event: it runs, it ended, or there is none; undefined while it starts. */
function endOf(table: WorkbenchTable, namespace: string, name: string): ProgressEvent | undefined {
  if (table.upstream(namespace, name))
    return { progress: 100, message: 'it runs', phase: 'Running', ready: true };
  const notebook = table.notebook(namespace, name);
  if (!notebook)
    return { progress: 100, message: 'there is no such workbench', phase: 'Unknown', failed: true };
  const phase = endedPhase(notebook, table.pod(namespace, name));
  const message = findCondition(notebook.status?.conditions, 'Ready')?.message || String(phase);
  return phase && { progress: 100, message, phase, failed: true };
}

/** How a workbench ended that does not start; what its status says may be from before it was told to. */
function endedPhase(notebook: Notebook, pod: Pod | undefined): 'Stopped' | 'Failed' | undefined {
  const annotations = notebook.metadata.annotations ?? {};
  if (annotations[notebookAnnotations.stopped] !== undefined) return 'Stopped';
  const failed = findCondition(notebook.status?.conditions, 'Ready')?.reason === 'Failed';
  if (!failed || pod?.status?.phase !== 'Failed') return undefined;
  const asked = Number(annotations[notebookAnnotations.restart] ?? 0);
  return Date.parse(pod.metadata.creationTimestamp ?? '') < asked ? undefined : 'Failed';
}

/** Lets one loop sleep until something happened since it last woke. */
class Wake {
  #pending = false;
  #resolve: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    signal.addEventListener('abort', () => this.up(), { once: true });
  }

  up(): void {
    this.#pending = true;
    this.#resolve?.();
  }

  async wait(): Promise<void> {
    if (!this.#pending)
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    this.#pending = false;
  }
}

interface Followed {
  readonly namespace: string;
  readonly name: string;
  readonly stop: AbortSignal;
  readonly wake: Wake;
}

/** What the pod of a workbench says while it starts; a pod that takes its place is followed in turn. */
class StartLog {
  readonly #source: ProgressSource;
  readonly #followed: Followed;
  #uid: string | undefined;
  #last: string | undefined;

  constructor(source: ProgressSource, followed: Followed) {
    this.#source = source;
    this.#followed = followed;
  }

  follow(): void {
    const { namespace, name } = this.#followed;
    const pod = this.#source.table.pod(namespace, name);
    if (!pod || pod.metadata.uid === this.#uid) return;
    this.#uid = pod.metadata.uid;
    this.#last = undefined;
    this.#read().catch(() => {
      // A container that has not begun has no log yet; the next change of its pod is the time to look again.
      this.#uid = undefined;
    });
  }

  /** The last line that tells a person something. */
  last(): string | undefined {
    return this.#last;
  }

  async #read(): Promise<void> {
    const { namespace, name, stop, wake } = this.#followed;
    const notebook = this.#source.table.notebook(namespace, name);
    const container = (notebook && mainContainer(notebook)?.name) ?? name;
    for await (const text of this.#source.followLog({ namespace, pod: podName(name), container }, stop)) {
      const line = text.split('\n').findLast((candidate) => !serverLine.test(candidate));
      if (line === undefined) continue;
      this.#last = line;
      wake.up();
    }
  }
}
