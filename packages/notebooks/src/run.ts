import { basename } from 'node:path';
import { type Clock, isReason, TagboatError } from '@tagboat/base';
import { CellFailed } from './cell-failed.ts';
import type { ExecuteOptions, NotebookEvent, NotebookResult } from './execute.ts';
import { type Kernel, lastLine } from './kernel.ts';
import { kernelDied } from './kernel-died.ts';
import type { GroupMemory } from './memory-limit.ts';
import { type Cell, hasTag, type Notebook, runs, serialiseNotebook, sourceOf } from './notebook-file.ts';
import { OutputCollector } from './outputs.ts';
import { Saver } from './saver.ts';
import type { OutputLimits } from './spill.ts';
import { ownLine } from './traceback.ts';
import { Widgets } from './widgets.ts';
import type { Message } from './wire.ts';

export interface RunOptions extends ExecuteOptions {
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly limits: OutputLimits;
  readonly clock: Clock;
  readonly memory: () => Promise<GroupMemory | undefined>;
  /** As it was before the kernel started. */
  readonly memoryBefore: GroupMemory | undefined;
}

const progressInterval = 3000;
/** How long (milliseconds) an interrupted cell may take to end, so that its traceback is kept. */
const interruptPatience = 2000;

/** One execution of a notebook in a kernel. */
export class NotebookRun implements Disposable {
  readonly #options: RunOptions;
  readonly #notebook: Notebook;
  readonly #kernel: Kernel;
  readonly #widgets: Widgets;
  readonly #collector: OutputCollector;
  readonly #saver: Saver;
  readonly #started: number;
  #lastLine = '';

  constructor(options: RunOptions, notebook: Notebook, kernel: Kernel) {
    this.#options = options;
    this.#notebook = notebook;
    this.#kernel = kernel;
    this.#started = options.clock.now();
    this.#widgets = new Widgets(() => kernel);
    const { limits, outputPath } = options;
    this.#collector = new OutputCollector({ widgets: this.#widgets, limits, outputPath });
    this.#saver = new Saver(outputPath, () => serialiseNotebook(notebook), options.clock);
  }

  [Symbol.dispose](): void {
    this.#collector[Symbol.dispose]();
  }

  /** Runs every cell in order. @throws as `executeNotebook`; what ran is saved */
  async all(): Promise<NotebookResult> {
    const cells = this.#notebook.cells.filter(runs);
    for (const cell of cells) {
      cell.outputs = [];
      cell.execution_count = null;
      this.#mark(cell, { status: 'pending', exception: null, started: undefined });
    }
    this.#papermill({ exception: null });
    let ran = 0;
    try {
      for (const [position, cell] of cells.entries()) {
        ran = position + 1;
        if ((await this.#cell(cell, { index: ran, total: cells.length })) === 'exit') break;
      }
    } catch (error) {
      this.#papermill({ exception: true });
      await this.#saver.now();
      throw error;
    }
    const seconds = this.#seconds(this.#started);
    this.#papermill({ exception: false });
    const ended = this.#kernel.shutdown();
    const saved = this.#saver.now().then(() => this.#options.onRan?.());
    await Promise.all([ended, saved]);
    return { cells: ran, seconds };
  }

  async #cell(cell: Cell, place: { index: number; total: number }): Promise<'exit' | undefined> {
    const { clock } = this.#options;
    const line =
      sourceOf(cell)
        .split('\n')
        .find((text) => text.trim() !== '') ?? '';
    const started = clock.now();
    const say = (state: 'running' | 'done' | 'failed') =>
      this.#say({ type: 'cell', ...place, state, line, seconds: this.#seconds(started) });
    say('running');
    this.#lastLine = '';
    this.#collector.start(cell, place.index);
    this.#mark(cell, { status: 'running', exception: null, started });
    const reply = await this.#watched(place, () => this.#execute(cell, place.index));
    const exit = reply.status === 'error' && isExit(reply);
    const failed = reply.status === 'error' && !exit && !hasTag(cell, 'raises-exception');
    this.#mark(cell, { status: failed ? 'failed' : 'completed', exception: failed, started });
    this.#saver.later();
    say(failed ? 'failed' : 'done');
    if (failed) throw this.#failure(place.index, reply);
    return exit ? 'exit' : undefined;
  }

  /** Tells how far a cell is while it runs. */
  async #watched<T>(place: { index: number; total: number }, work: () => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const started = clock.now();
    let timer: Disposable | undefined;
    const tick = () => {
      timer = clock.after(progressInterval, () => {
        this.#say({ type: 'progress', ...place, seconds: this.#seconds(started), lastLine: this.#lastLine });
        tick();
      });
    };
    tick();
    try {
      return await work();
    } finally {
      timer?.[Symbol.dispose]();
    }
  }

  /** A cell is done when its reply and the idle status have both come. @returns the reply */
  async #execute(cell: Cell, index: number): Promise<Record<string, unknown>> {
    const idle = Promise.withResolvers<void>();
    const early: Message[] = [];
    let id = '';
    let ended = false;
    const end = () => {
      ended = true;
      idle.resolve();
    };
    const handle = (message: Message) => {
      if (id === '') early.push(message);
      else if (message.parent.msg_id !== id) return;
      // What a task of the cell does to widgets once the cell is idle is not kept (as in nbclient); some kernels send
      // a late result, which is.
      else if (!ended || !message.header.msg_type.startsWith('comm_'))
        this.#published(cell, index, { message, idle: end });
    };
    using _listener = this.#kernel.listen(handle);
    const request = await this.#kernel.request('execute_request', {
      code: sourceOf(cell),
      silent: false,
      store_history: true,
      user_expressions: {},
      // Nobody is there to answer: `input()` raises StdinNotImplementedError.
      allow_stdin: false,
      stop_on_error: !hasTag(cell, 'raises-exception'),
    });
    id = request.id;
    for (const message of early.splice(0)) handle(message);
    const both = Promise.all([request.reply, idle.promise]);
    const [reply] = await this.#race(both, index);
    if (typeof reply.content.execution_count === 'number')
      cell.execution_count = reply.content.execution_count;
    return reply.content;
  }

  #published(cell: Cell, index: number, { message, idle }: { message: Message; idle: () => void }): void {
    const { content, header } = message;
    if (header.msg_type === 'status' && content.execution_state === 'idle') {
      idle();
      return;
    }
    if (header.msg_type === 'execute_input' && typeof content.execution_count === 'number')
      cell.execution_count = content.execution_count;
    const text = this.#collector.add(message);
    if (!text) return;
    this.#lastLine = lastLine(text.text) || this.#lastLine;
    this.#say({ type: 'output', index, ...text });
  }

  /** Waits for the kernel; its death, the timeout and a cancellation end the wait, the latter with an interrupt. */
  async #race<T>(wanted: Promise<T>, index: number): Promise<T> {
    const { signal, cellTimeout, clock } = this.#options;
    const stop = Promise.withResolvers<never>();
    const where = `${this.#options.name}, cell ${index}`;
    const abort = () => stop.reject(new TagboatError(`${where}: cancelled`, { reason: 'Cancelled' }));
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const late = () =>
      stop.reject(
        new TagboatError(`${where} did not end within ${(cellTimeout ?? 0) / 1000} s`, {
          reason: 'Timeout',
          retryable: false,
        }),
      );
    using _timer = cellTimeout === undefined ? undefined : clock.after(cellTimeout, late);
    const died = this.#kernel.exited.then(async (exit) => {
      const { name: notebook, memoryBefore: before, memory } = this.#options;
      throw kernelDied({ notebook, cell: index, ...exit, before, now: await memory() });
    });
    try {
      return await Promise.race([wanted, stop.promise, died]);
    } catch (error) {
      if (isReason(error, 'Cancelled') || isReason(error, 'Timeout')) await this.#interrupt(wanted);
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
      died.catch(() => undefined);
      stop.promise.catch(() => undefined);
    }
  }

  async #interrupt(running: Promise<unknown>): Promise<void> {
    await this.#kernel.interrupt();
    const late = Promise.withResolvers<void>();
    using _timer = this.#options.clock.after(interruptPatience, late.resolve);
    await Promise.race([running, late.promise, this.#kernel.exited]);
  }

  #failure(index: number, content: Record<string, unknown>): CellFailed {
    const [name, value] = [String(content.ename), String(content.evalue)];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are written as control characters
    const plain = ((content.traceback ?? []) as string[]).join('\n').replace(/\x1b\[[0-9;]*m/g, '');
    const own = ownLine(plain, this.#options.cwd);
    const line = own ? `\n  at: ${own}` : '';
    return new CellFailed(`${this.#options.name}, cell ${index}: ${name}: ${value}${line}`, {
      name,
      value,
      traceback: plain,
    });
  }

  /** papermill's metadata of a cell. */
  #mark(cell: Cell, state: { status: string; exception: boolean | null; started: number | undefined }): void {
    const { status, exception, started } = state;
    const now = this.#options.clock.now();
    const ended = status === 'completed' || status === 'failed';
    cell.metadata = {
      ...cell.metadata,
      papermill: {
        exception,
        start_time: started === undefined ? null : new Date(started).toISOString(),
        end_time: ended ? new Date(now).toISOString() : null,
        duration: ended ? (now - started!) / 1000 : null,
        status,
      },
    };
  }

  /** papermill's metadata of the notebook, with what the kernel and its widgets say. */
  #papermill(state: { exception: boolean | null }): void {
    const { parameters, path, outputPath, clock } = this.#options;
    const ended =
      state.exception === null
        ? {}
        : { end_time: new Date(clock.now()).toISOString(), duration: this.#seconds(this.#started) };
    const widgets = this.#widgets.metadata();
    const language = this.#kernel.languageInfo;
    this.#notebook.metadata = {
      ...this.#notebook.metadata,
      ...(language ? { language_info: language as { name?: string } } : {}),
      ...(widgets ? { widgets } : {}),
      papermill: {
        parameters,
        input_path: basename(path),
        output_path: basename(outputPath),
        start_time: new Date(this.#started).toISOString(),
        environment_variables: {},
        version: '2.6.0',
        ...ended,
        exception: state.exception,
      },
    };
  }

  #say(event: NotebookEvent): void {
    this.#options.onEvent?.(event);
  }

  #seconds(since: number): number {
    return (this.#options.clock.now() - since) / 1000;
  }
}

/** `sys.exit()` ends a notebook well, as papermill has it. */
const isExit = ({ ename, evalue }: Record<string, unknown>) =>
  ename === 'SystemExit' && ['', '0', 'None'].includes(String(evalue));
