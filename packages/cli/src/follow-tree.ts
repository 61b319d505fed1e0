import { stripVTControlCharacters } from 'node:util';
import { kinds, type PipelineRun, type ResourceKey, type TaskRun } from '@tagboat/api';
import { formatDuration } from '@tagboat/base';
import { splitLines } from '@tagboat/client';
import pc from 'picocolors';
import type { LiveOptions } from './live.ts';
import { printable } from './output.ts';
import type { RunSource } from './run-source.ts';
import { type TreeLine, type TreeState, treeOf, waitOf } from './run-tree.ts';

const marks: Record<TreeState, string> = {
  waiting: '·',
  running: '▸',
  paused: '‖',
  done: '✓',
  failed: '✗',
  skipped: '-',
};

/** Follows a run to its end and shows it as a tree that grows. @returns the finished run */
export async function followTree(
  source: RunSource,
  key: ResourceKey,
  options: LiveOptions,
): Promise<PipelineRun | TaskRun> {
  const view = new TreeView(source, key, options);
  const ended = new AbortController();
  const signal = options.signal ? AbortSignal.any([ended.signal, options.signal]) : ended.signal;
  const watch = async <T extends PipelineRun | TaskRun>(
    type: typeof kinds.TaskRun | typeof kinds.PipelineRun,
  ) => {
    for await (const { object } of source.watch<T>(type, { namespace: key.namespace, signal }))
      view.saw(object);
  };
  const ticking = options.terminal ? setInterval(() => view.draw(), 200) : undefined;
  const watching = [watch<PipelineRun>(kinds.PipelineRun), watch<TaskRun>(kinds.TaskRun)];
  for (const task of watching) task.catch((error: unknown) => view.fail(error));
  try {
    const finished = await view.finished;
    await view.catchUp(finished);
    return finished;
  } finally {
    await view.logsDone();
    ended.abort();
    clearInterval(ticking);
    await Promise.allSettled(watching);
    view.draw();
  }
}

class TreeView {
  readonly #source: RunSource;
  readonly #key: ResourceKey;
  readonly #options: LiveOptions;
  readonly #runs = new Map<string, PipelineRun>();
  readonly #taskRuns = new Map<string, TaskRun>();
  readonly #logs = new Map<string, Promise<void>>();
  readonly #last = new Map<string, string>();
  readonly #told = new Map<string, TreeState>();
  readonly #times = new Map<string, { started: number; ended?: number }>();
  readonly #done = Promise.withResolvers<PipelineRun | TaskRun>();
  readonly #stop = new AbortController();
  #drawn = 0;

  constructor(source: RunSource, key: ResourceKey, options: LiveOptions) {
    this.#source = source;
    this.#key = key;
    this.#options = options;
  }

  get finished(): Promise<PipelineRun | TaskRun> {
    return this.#done.promise;
  }

  fail(error: unknown): void {
    this.#done.reject(error);
  }

  saw(object: PipelineRun | TaskRun): void {
    const { name } = object.metadata;
    const known = object.kind === 'PipelineRun' ? this.#runs.get(name) : this.#taskRuns.get(name);
    // What was looked at may be newer than what a watch tells.
    if (known?.status?.completionTime && !object.status?.completionTime) return;
    // What was said last may have been of a wait that is over.
    if (known && waitOf(known).length > 0) this.#last.delete(name);
    if (object.kind === 'PipelineRun') this.#runs.set(name, object as PipelineRun);
    else this.#taskRuns.set(name, object as TaskRun);
    if (object.kind === 'TaskRun' && this.#isOurs(object as TaskRun)) this.#followLogs(object as TaskRun);
    if (!this.#options.terminal) this.#tell();
    const root = this.#root();
    if (root?.status?.completionTime) this.#done.resolve(root);
  }

  /** Looks at what ran in a run that is over: the watch that tells of it may lag behind the one that told the end. */
  async catchUp(run: PipelineRun | TaskRun): Promise<void> {
    for (const { kind, name } of (run as PipelineRun).status?.childReferences ?? []) {
      const known = kind === 'PipelineRun' ? this.#runs.get(name) : this.#taskRuns.get(name);
      if (known?.status?.completionTime) continue;
      const type = kind === 'PipelineRun' ? kinds.PipelineRun : kinds.TaskRun;
      const child = await this.#source.get<PipelineRun | TaskRun>({
        type,
        namespace: this.#key.namespace,
        name,
      });
      if (!child || (kind !== 'PipelineRun' && kind !== 'TaskRun')) continue;
      this.saw(child);
      await this.catchUp(child);
    }
  }

  /** What containers still had to say has been said. */
  async logsDone(): Promise<void> {
    const all = Promise.allSettled(this.#logs.values());
    const patience = new Promise((resolve) => setTimeout(resolve, 2000).unref());
    await Promise.race([all, patience]);
    this.#stop.abort();
  }

  draw(): void {
    const root = this.#root();
    if (!this.#options.terminal || !root) return;
    const width = process.stdout.columns || 100;
    const height = (process.stdout.rows || 50) - 1;
    const all = this.#lines(root).flatMap((line) => [this.#text(line, width), ...belowOf(line)]);
    const lines = all.length > height ? all.slice(-height) : all;
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A\u001b[J` : '';
    this.#options.write(`${up}${lines.map((line) => `${line}\n`).join('')}`);
    const rows = (text: string) => Math.max(1, Math.ceil(stripVTControlCharacters(text).length / width));
    this.#drawn = lines.reduce((sum, text) => sum + rows(text), 0);
  }

  #root(): PipelineRun | TaskRun | undefined {
    return this.#key.type.kind === 'TaskRun'
      ? this.#taskRuns.get(this.#key.name)
      : this.#runs.get(this.#key.name);
  }

  #lines(root: PipelineRun | TaskRun): TreeLine[] {
    return treeOf(root, { runs: this.#runs, taskRuns: this.#taskRuns });
  }

  #isOurs(task: TaskRun): boolean {
    if (task.metadata.name === this.#key.name) return true;
    let name = task.metadata.labels?.['tekton.dev/pipelineRun'];
    for (let depth = 0; name !== undefined && depth < 20; depth++) {
      if (name === this.#key.name) return true;
      name = this.#runs.get(name)?.metadata.ownerReferences?.[0]?.name;
    }
    return false;
  }

  #text(line: TreeLine, width: number): string {
    const duration = this.#duration(line);
    const head = `${'  '.repeat(line.depth)}${marks[line.state]} ${line.title}`;
    const said = line.note ?? (line.state === 'running' ? this.#last.get(line.id) : undefined) ?? '';
    const note = printable(stripVTControlCharacters(said).replaceAll(/[\t\n\r]/g, ' '));
    const text = `${head.padEnd(28)} ${duration.padStart(7)}  `;
    return `${tint(line.state, text)}${pc.dim(note.slice(0, Math.max(0, width - text.length - 1)))}`;
  }

  /** As seen here where it is not recorded more exactly than in whole seconds. */
  #duration({ id, state, milliseconds }: TreeLine): string {
    if (state === 'waiting' || state === 'skipped') return '';
    if (milliseconds !== undefined) return formatDuration(milliseconds);
    const seen = this.#times.get(id) ?? { started: Date.now() };
    if (state !== 'running' && state !== 'paused') seen.ended ??= Date.now();
    this.#times.set(id, seen);
    // A line that is not drawn over tells that something begins, not how long it has run.
    if (state === 'running' && !this.#options.terminal) return '';
    return formatDuration((seen.ended ?? Date.now()) - seen.started);
  }

  /** One line per change, where nothing can be drawn over. */
  #tell(): void {
    const root = this.#root();
    if (!root) return;
    for (const line of this.#lines(root)) {
      if (line.state === 'waiting' || this.#told.get(line.id) === line.state || line.id.includes('/')) {
        if (!(line.state === 'skipped' && !this.#told.has(line.id))) continue;
      }
      this.#told.set(line.id, line.state);
      for (const text of [this.#text(line, 10_000).trimEnd(), ...belowOf(line)])
        this.#options.write(`${text}\n`);
    }
  }

  #followLogs(task: TaskRun): void {
    const { podName: pod, steps = [], annotations } = task.status ?? {};
    if (!pod || annotations?.['tagboat.dev/taken-from']) return;
    for (const { container, running, terminated, terminationReason } of steps) {
      const id = `${pod}/${container}`;
      if (this.#logs.has(id) || !(running ?? terminated) || terminationReason === 'Skipped') continue;
      this.#logs.set(id, this.#readLog(task, { namespace: this.#key.namespace, pod, container }));
    }
  }

  async #readLog(
    task: TaskRun,
    container: { namespace: string; pod: string; container: string },
  ): Promise<void> {
    const title = task.metadata.labels?.['tekton.dev/pipelineTask'] ?? task.metadata.name;
    try {
      const text = this.#source.logs(container, this.#stop.signal);
      for await (const line of splitLines(text)) this.#said(task.metadata.name, title, line);
    } catch {
      // A step that was ended before it began has no log; the task's own message says why.
    }
  }

  #said(id: string, title: string, line: string): void {
    if (line.trim() === '') return;
    this.#last.set(id, line);
    if (!this.#options.terminal) this.#options.write(`    ${pc.dim(title.padEnd(14))} ${line}\n`);
  }
}

const belowOf = ({ depth, below = [] }: TreeLine) =>
  below.map((text) => `${'  '.repeat(depth + 2)}${printable(text)}`);

function tint(state: TreeState, text: string): string {
  if (state === 'done') return pc.green(text);
  if (state === 'failed') return pc.red(text);
  if (state === 'paused') return pc.yellow(text);
  return state === 'running' ? pc.cyan(text) : pc.dim(text);
}
