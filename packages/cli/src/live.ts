import {
  failureText,
  findCondition,
  kinds,
  type PipelineRun,
  type Pod,
  type ResourceKey,
  type TaskRun,
} from '@tagboat/api';
import { formatDuration, isReason, notFound } from '@tagboat/base';
import { type Client, splitLines } from '@tagboat/client';
import { noticesOfRun } from '@tagboat/render';
import pc from 'picocolors';
import { timeOf } from './run-tree.ts';

interface Shown {
  readonly name: string;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'skipped';
  started?: number;
  seconds?: number;
  last?: string;
  message?: string;
}

export interface LiveOptions {
  readonly write: (text: string) => unknown;
  /** Redraw in place, as on a terminal; else one line per event. */
  readonly terminal: boolean;
  readonly signal?: AbortSignal;
}

/** How runs are shown on this process's output; `quiet`: not at all. */
export const standardOutput = ({ quiet = false }: { quiet?: boolean } = {}): LiveOptions => ({
  write: (text) => !quiet && process.stdout.write(text),
  terminal: !quiet && process.stdout.isTTY === true,
});

/** Follows a run to its end, showing its tasks and what they say. @returns the finished run */
export async function followRun(
  client: Client,
  key: ResourceKey,
  options: LiveOptions,
): Promise<PipelineRun> {
  const view = new RunView(options);
  const over = await client.get<PipelineRun>(key);
  if (over?.status?.completionTime) return showEnded(client, over, view);
  const logs = new Map<string, Promise<void>>();
  const ended = new AbortController();
  const signal = options.signal ? AbortSignal.any([ended.signal, options.signal]) : ended.signal;
  const ticking = options.terminal ? setInterval(() => view.draw(), 250) : undefined;
  const tasks = followTasks(client, key, {
    signal,
    seen: (task) => {
      view.task(task);
      const pod = task.status?.podName;
      // Before its first step runs there may be no pod yet.
      const begun = task.status?.steps?.some(({ running, terminated }) => running ?? terminated);
      if (pod && begun && !logs.has(pod))
        logs.set(pod, followLogs(client, task, { signal, say: (text) => view.log(task, text) }));
    },
  });
  try {
    const run = await finished(client, key, (current) => view.run(current), signal);
    await Promise.allSettled(logs.values());
    view.run(run);
    return run;
  } finally {
    ended.abort();
    clearInterval(ticking);
    view.draw();
    await tasks;
  }
}

/** Shows a run that is over as it went: a task after the other, each with what it said before how it ended. */
async function showEnded(client: Client, run: PipelineRun, view: RunView): Promise<PipelineRun> {
  view.run(run);
  const items = await tasksOf(client, run);
  const began = ({ status }: TaskRun) => status?.timing?.startedAt ?? status?.startTime ?? '';
  const { signal } = new AbortController();
  for (const task of items.sort((a, b) => began(a).localeCompare(began(b)))) {
    if (task.status?.podName) await followLogs(client, task, { signal, say: (text) => view.log(task, text) });
    view.task(task);
  }
  view.draw();
  return run;
}

async function tasksOf(client: Client, { metadata }: PipelineRun): Promise<TaskRun[]> {
  const { items } = await client.list<TaskRun>(kinds.TaskRun, {
    namespace: metadata.namespace ?? '',
    labelSelector: `tekton.dev/pipelineRun=${metadata.name}`,
  });
  return items;
}

async function finished(
  client: Client,
  key: ResourceKey,
  seen: (run: PipelineRun) => void,
  signal: AbortSignal,
): Promise<PipelineRun> {
  for (;;) {
    const run = await client.get<PipelineRun>(key);
    if (!run) throw notFound(`there is no run ${key.namespace}/${key.name}`);
    seen(run);
    if (run.status?.completionTime) return run;
    try {
      const from = run.metadata.resourceVersion;
      for await (const { object } of client.watch<PipelineRun>(key.type, {
        namespace: key.namespace,
        ...(from ? { from } : {}),
        signal,
      })) {
        if (object.metadata.name !== key.name) continue;
        seen(object);
        if (object.status?.completionTime) return object;
      }
    } catch (error) {
      if (signal.aborted || !isReason(error, 'Expired')) throw error;
    }
  }
}

async function followTasks(
  client: Client,
  key: ResourceKey,
  options: { signal: AbortSignal; seen: (task: TaskRun) => void },
): Promise<void> {
  for (;;)
    try {
      for await (const { object } of client.watch<TaskRun>(kinds.TaskRun, {
        namespace: key.namespace,
        labelSelector: `tekton.dev/pipelineRun=${key.name}`,
        signal: options.signal,
      }))
        options.seen(object);
      if (options.signal.aborted) return;
    } catch (error) {
      if (options.signal.aborted) return;
      if (!isReason(error, 'Expired')) throw error;
    }
}

async function followLogs(
  client: Client,
  task: TaskRun,
  options: { signal: AbortSignal; say: (line: string) => void },
): Promise<void> {
  const namespace = task.metadata.namespace ?? '';
  const name = task.status?.podName ?? '';
  const started = await client.get<Pod>({ type: kinds.Pod, namespace, name }).catch(() => undefined);
  for (const { name: container } of started?.spec?.containers ?? [])
    try {
      const pod = { namespace, name, container };
      const text = client.logs(pod, { follow: true, signal: options.signal });
      for await (const line of splitLines(text)) options.say(line);
    } catch {
      // A pod that never started has no log; the task's own message says why.
    }
}

const marks = { waiting: '·', running: '▸', done: '✓', failed: '✗', skipped: '-' } as const;

/** The tasks of one run, drawn as they go. */
class RunView {
  readonly #options: LiveOptions;
  readonly #tasks = new Map<string, Shown>();
  #drawn = 0;
  #noted = false;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  run(run: PipelineRun): void {
    for (const notice of this.#noted ? [] : noticesOfRun(run))
      this.#options.write(`${pc.yellow('note')}: ${notice}\n`);
    this.#noted = true;
    const spec = run.status?.pipelineSpec ?? run.spec?.pipelineSpec;
    for (const { name } of [...(spec?.tasks ?? []), ...(spec?.finally ?? [])])
      if (!this.#tasks.has(name)) this.#tasks.set(name, { name, state: 'waiting' });
    for (const { name } of run.status?.skippedTasks ?? []) {
      const shown = this.#tasks.get(name);
      if (shown && shown.state === 'waiting') shown.state = 'skipped';
    }
  }

  task(task: TaskRun): void {
    const name = task.metadata.labels?.['tekton.dev/pipelineTask'] ?? task.metadata.name;
    const shown = this.#tasks.get(name) ?? { name, state: 'waiting' };
    this.#tasks.set(name, shown);
    const condition = findCondition(task.status?.conditions, 'Succeeded');
    const before = shown.state;
    if (task.status?.startTime) {
      shown.started ??= Date.now();
      shown.state = 'running';
    }
    if (task.status?.completionTime) {
      // One that was over when it was first seen is told as recorded: of old ones in whole seconds.
      const whole = Date.parse(task.status.completionTime) - Date.parse(task.status.startTime ?? '');
      const recorded = timeOf(task).milliseconds ?? whole;
      const seen = before === 'running' ? Date.now() - (shown.started ?? 0) : recorded;
      if (Number.isFinite(seen)) shown.seconds = seen / 1000;
      shown.state = condition?.status === 'True' ? 'done' : 'failed';
      if (shown.state === 'failed') shown.message = plainMessage(failureText(task));
    }
    if (!this.#options.terminal && before !== shown.state && shown.state !== 'waiting') this.#event(shown);
  }

  log(task: TaskRun, line: string): void {
    const shown = this.#tasks.get(task.metadata.labels?.['tekton.dev/pipelineTask'] ?? '');
    if (!shown || line.trim() === '') return;
    shown.last = line;
    if (!this.#options.terminal) this.#options.write(`  ${pc.dim(shown.name.padEnd(12))} ${line}\n`);
  }

  draw(): void {
    if (!this.#options.terminal) return;
    const width = process.stdout.columns || 100;
    const lines = [...this.#tasks.values()].map((shown) => {
      const seconds =
        shown.seconds ??
        (shown.started && shown.state === 'running' ? (Date.now() - shown.started) / 1000 : undefined);
      const time = seconds === undefined ? '' : formatDuration(seconds * 1000);
      const text = `${marks[shown.state]} ${shown.name.padEnd(12)} ${time.padStart(7)}  `;
      const note = (shown.message ?? shown.last ?? '').replaceAll('\t', ' ');
      return `${tint(shown.state, text)}${pc.dim(note.slice(0, Math.max(0, width - text.length - 1)))}`;
    });
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : '';
    this.#options.write(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }

  #event(shown: Shown): void {
    const time = shown.seconds === undefined ? '' : ` ${formatDuration(shown.seconds * 1000)}`;
    this.#options.write(
      `${tint(shown.state, `${marks[shown.state]} ${shown.name}${time}`)}${shown.message ? `: ${shown.message}` : ''}\n`,
    );
  }
}

function tint(state: Shown['state'], text: string): string {
  if (state === 'done') return pc.green(text);
  if (state === 'failed') return pc.red(text);
  return state === 'running' ? pc.cyan(text) : pc.dim(text);
}

/** The step's own words, without Tekton's frame around them. */
export function plainMessage(message: string): string {
  return message.replace(/^"step-[^"]+" exited with code \d+:\s*/, '').replace(/^error: /, '');
}

/** Why a finished run failed, in the words of the step that did. */
export async function failureOf(client: Client, run: PipelineRun): Promise<string> {
  const failed = (await tasksOf(client, run))
    .map((task) => ({ task, condition: findCondition(task.status?.conditions, 'Succeeded') }))
    .find(({ condition }) => condition?.status === 'False');
  if (!failed) return findCondition(run.status?.conditions, 'Succeeded')?.message ?? 'the run failed';
  const name = failed.task.metadata.labels?.['tekton.dev/pipelineTask'];
  return `${name}: ${plainMessage(failureText(failed.task))}`;
}
