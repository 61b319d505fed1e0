import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { TagboatError, writeFileAtomic } from '@tagboat/base';
import { Kernel, lastLine } from './kernel.ts';
import { kernelCommand } from './kernel-command.ts';
import {
  type Cell,
  hasTag,
  type Notebook,
  parseNotebook,
  serialiseNotebook,
  sourceOf,
} from './notebook-file.ts';
import { OutputCollector } from './outputs.ts';
import { declaredParameters, injectParameters } from './parameters.ts';
import type { Message } from './wire.ts';

export type NotebookEvent =
  | {
      readonly type: 'cell';
      readonly index: number;
      readonly total: number;
      readonly state: 'running' | 'done' | 'failed';
      readonly line: string;
      readonly seconds: number;
    }
  | {
      readonly type: 'output';
      readonly index: number;
      readonly stream: 'stdout' | 'stderr' | 'display';
      readonly text: string;
    }
  | { readonly type: 'warning'; readonly message: string };

export interface ExecuteOptions {
  readonly path: string;
  /** Written after every cell, so that what ran is there whatever happens. */
  readonly outputPath: string;
  /** As the notebook is called in messages; default: its file name. */
  readonly name?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly cwd: string;
  /** The interpreter whose `ipykernel` runs Python notebooks. */
  readonly python: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds. */
  readonly cellTimeout?: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: NotebookEvent) => void;
}

export interface NotebookResult {
  readonly cells: number;
  readonly seconds: number;
}

/** A cell raised. `exceptionName` and `exceptionValue` are the exception's own. */
export class CellFailed extends TagboatError {
  readonly exceptionName: string;
  readonly exceptionValue: string;
  /** Without colours. */
  readonly traceback: string;

  constructor(message: string, exception: { name: string; value: string; traceback: string }) {
    super(message, { reason: 'CellFailed', retryable: false });
    this.exceptionName = exception.name;
    this.exceptionValue = exception.value;
    this.traceback = exception.traceback;
  }
}

/**
 * Executes a notebook cell by cell in a kernel of its own, with papermill's parameters and metadata.
 * @throws `CellFailed` naming notebook, cell and exception; `KernelDied`; `Timeout`; `Cancelled`
 */
export async function executeNotebook(options: ExecuteOptions): Promise<NotebookResult> {
  const name = options.name ?? basename(options.path);
  const source = parseNotebook(await readFile(options.path, 'utf8'), name);
  const parameters = options.parameters ?? {};
  const known = declaredParameters(source);
  for (const parameter of Object.keys(parameters))
    if (!known?.includes(parameter))
      options.onEvent?.({
        type: 'warning',
        message: known
          ? `the notebook declares no parameter "${parameter}"; it is set all the same`
          : `the notebook has no cell tagged "parameters"; "${parameter}" is set before its first cell`,
      });
  const notebook = injectParameters(structuredClone(source), parameters);
  const run = new Run(options, name, notebook);
  await using kernel = await Kernel.start(await kernelCommand(notebook, options));
  return await run.all(kernel);
}

class Run {
  readonly #options: ExecuteOptions;
  readonly #name: string;
  readonly #notebook: Notebook;
  readonly #collector: OutputCollector;
  readonly #started = Date.now();

  constructor(options: ExecuteOptions, name: string, notebook: Notebook) {
    this.#options = options;
    this.#name = name;
    this.#notebook = notebook;
    this.#collector = new OutputCollector(notebook.cells);
    for (const cell of notebook.cells)
      if (cell.cell_type === 'code') {
        cell.outputs = [];
        cell.execution_count = null;
      }
  }

  async all(kernel: Kernel): Promise<NotebookResult> {
    const code = this.#notebook.cells.filter(
      (cell) => cell.cell_type === 'code' && sourceOf(cell).trim() !== '',
    );
    this.#papermill({ exception: null });
    try {
      for (const [position, cell] of code.entries())
        await this.#cell(kernel, cell, { position, total: code.length });
    } catch (error) {
      this.#papermill({ exception: true });
      await this.#save();
      throw error;
    }
    this.#papermill({ exception: false });
    await this.#save();
    return { cells: code.length, seconds: (Date.now() - this.#started) / 1000 };
  }

  async #cell(kernel: Kernel, cell: Cell, place: { position: number; total: number }): Promise<void> {
    const { onEvent } = this.#options;
    const index = place.position + 1;
    const line =
      sourceOf(cell)
        .split('\n')
        .find((text) => text.trim() !== '') ?? '';
    const started = Date.now();
    const say = (state: 'running' | 'done' | 'failed') =>
      onEvent?.({
        type: 'cell',
        index,
        total: place.total,
        state,
        line,
        seconds: (Date.now() - started) / 1000,
      });
    say('running');
    this.#collector.start();
    const failure = await this.#execute(kernel, cell, index);
    const failed = failure !== undefined && !hasTag(cell, 'raises-exception');
    cell.metadata = {
      ...cell.metadata,
      papermill: {
        exception: failed,
        start_time: new Date(started).toISOString(),
        end_time: new Date().toISOString(),
        duration: (Date.now() - started) / 1000,
        status: failed ? 'failed' : 'completed',
      },
    };
    await this.#save();
    say(failed ? 'failed' : 'done');
    if (failed) throw this.#failure(index, failure);
  }

  /** @returns the error the cell ended with, where it did */
  async #execute(kernel: Kernel, cell: Cell, index: number): Promise<Record<string, unknown> | undefined> {
    let idle: () => void = () => undefined;
    const isIdle = new Promise<void>((resolve) => {
      idle = resolve;
    });
    let id = '';
    const early: Message[] = [];
    const handle = (message: Message) => {
      if (id === '') early.push(message);
      else if (message.parent.msg_id === id) this.#published(cell, index, { message, idle });
    };
    using _listener = kernel.listen(handle);
    const request = await kernel.request('execute_request', {
      code: sourceOf(cell),
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: true,
    });
    id = request.id;
    for (const message of early.splice(0)) handle(message);
    const reply = await this.#race(kernel, request.reply, index);
    cell.execution_count = (reply.content.execution_count as number | undefined) ?? null;
    await this.#race(kernel, isIdle, index);
    return reply.content.status === 'ok' ? undefined : reply.content;
  }

  #published(cell: Cell, index: number, { message, idle }: { message: Message; idle: () => void }): void {
    if (message.header.msg_type === 'status' && message.content.execution_state === 'idle') {
      idle();
      return;
    }
    const text = this.#collector.add(cell, message);
    if (text) this.#options.onEvent?.({ type: 'output', index, ...text });
  }

  /** Waits for the kernel; its death, the timeout and a cancellation end the wait. */
  async #race<T>(kernel: Kernel, wanted: Promise<T>, index: number): Promise<T> {
    const { signal, cellTimeout } = this.#options;
    const stop = Promise.withResolvers<never>();
    const where = `${this.#name}, cell ${index}`;
    const abort = () => stop.reject(new TagboatError(`${where}: cancelled`, { reason: 'Cancelled' }));
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const timer =
      cellTimeout === undefined
        ? undefined
        : setTimeout(
            () =>
              stop.reject(
                new TagboatError(`${where} did not end within ${cellTimeout / 1000} s`, {
                  reason: 'Timeout',
                  retryable: false,
                }),
              ),
            cellTimeout,
          );
    const died = kernel.exited.then(({ code, stderr }) => {
      const why =
        code === 137
          ? 'it was killed, as happens when memory runs out'
          : `it ended with code ${code}: ${lastLine(stderr)}`;
      throw new TagboatError(`${where}: the kernel died; ${why}`, { reason: 'KernelDied', retryable: false });
    });
    try {
      return await Promise.race([wanted, stop.promise, died]);
    } catch (error) {
      if (error instanceof TagboatError && error.reason !== 'KernelDied') await kernel.interrupt();
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      died.catch(() => undefined);
      stop.promise.catch(() => undefined);
    }
  }

  #failure(index: number, content: Record<string, unknown>): CellFailed {
    const [name, value] = [String(content.ename), String(content.evalue)];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are written as control characters
    const plain = ((content.traceback ?? []) as string[]).join('\n').replace(/\x1b\[[0-9;]*m/g, '');
    const arrow = plain
      .split('\n')
      .findLast((line) => /^-+> *\d+/.test(line))
      ?.replace(/^-+> *\d+ */, '');
    const line = arrow ? `\n  at: ${arrow.trim()}` : '';
    return new CellFailed(`${this.#name}, cell ${index}: ${name}: ${value}${line}`, {
      name,
      value,
      traceback: plain,
    });
  }

  #papermill(state: { exception: boolean | null }): void {
    const { parameters = {}, path, outputPath } = this.#options;
    const ended =
      state.exception === null
        ? {}
        : { end_time: new Date().toISOString(), duration: (Date.now() - this.#started) / 1000 };
    this.#notebook.metadata = {
      ...this.#notebook.metadata,
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

  #save(): Promise<void> {
    return writeFileAtomic(this.#options.outputPath, serialiseNotebook(this.#notebook));
  }
}
