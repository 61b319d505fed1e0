import { findCondition, type WorkbenchPhase } from '@tagboat/api';
import { podName } from './pod-of.ts';
import { mainContainer } from './pod-of.ts';
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

/** Text of a container's log as it comes; ends when `done` or the signal says so. */
export type FollowLog = (
  container: { namespace: string; pod: string; container: string },
  follow: { done: () => boolean; signal: AbortSignal },
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
  const lines: string[] = [];
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  let wake: () => void = () => undefined;
  let followed: string | undefined;
  let said = '';
  let steps = 0;
  try {
    while (!signal.aborted) {
      const notebook = source.table.notebook(namespace, name);
      const pod = source.table.pod(namespace, name);
      if (pod && pod.metadata.uid !== followed) {
        followed = pod.metadata.uid;
        const container = (notebook && mainContainer(notebook)?.name) ?? name;
        void collect(source.followLog({ namespace, pod: podName(name), container }, { done: () => false, signal: stop }), (line) => {
          lines.push(line);
          wake();
        });
      }
      const ready = findCondition(notebook?.status?.conditions, 'Ready');
      const phase = (ready?.reason ?? 'Unknown') as WorkbenchPhase | 'Unknown';
      if (source.table.upstream(namespace, name)) {
        yield { progress: 100, message: 'it runs', phase: 'Running', ready: true };
        return;
      }
      if (!notebook || phase === 'Failed' || phase === 'Stopped') {
        yield { progress: 100, message: notebook ? (ready?.message ?? phase) : 'there is no such workbench', phase, failed: true };
        return;
      }
      const message = lines.splice(0).findLast((line) => !serverLine.test(line)) ?? (said || ready?.message || 'starts');
      if (message !== said) {
        said = message;
        // Nobody knows how long it takes: each step goes a fifth of what is left.
        const progress = Math.round(95 * (1 - 0.8 ** ++steps));
        yield { progress, message, phase };
      }
      const line = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([source.table.change(stop), line]);
    }
  } finally {
    ended.abort();
  }
}

async function collect(log: AsyncIterable<string>, take: (line: string) => void): Promise<void> {
  for await (const text of log) for (const line of text.replace(/\n$/, '').split('\n')) take(line);
}
