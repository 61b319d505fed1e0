import { dirname } from 'node:path';
import type { Cell, Output } from './notebook-file.ts';
import { type OutputLimits, Spill } from './spill.ts';
import type { Widgets } from './widgets.ts';
import type { Message } from './wire.ts';

export interface OutputText {
  readonly stream: 'stdout' | 'stderr' | 'display';
  readonly text: string;
}

export interface CollectorOptions {
  readonly widgets: Widgets;
  readonly limits: OutputLimits;
  /** Of the executed notebook; what is too large for it goes to files beside it. */
  readonly outputPath: string;
}

const outputTypes = new Set(['stream', 'display_data', 'execute_result', 'error']);

/** Collects what cells publish, as nbclient does: streams merged, displays updated, outputs cleared, widgets fed. */
export class OutputCollector implements Disposable {
  readonly #options: CollectorOptions;
  /** Display id -> the outputs shown under it, in any cell. */
  readonly #displays = new Map<string, Set<Output>>();
  #clearNext = false;
  #size = 0;
  #spill: Spill | undefined;
  #cell: Cell | undefined;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  /** @param number of the cell in the notebook, from 1, which names its files */
  start(cell: Cell, number: number): void {
    this[Symbol.dispose]();
    cell.outputs = [];
    this.#cell = cell;
    this.#clearNext = false;
    this.#size = 0;
    const { outputPath, limits } = this.#options;
    this.#spill = new Spill({
      directory: dirname(outputPath),
      notebook: outputPath,
      cell: number,
      limit: limits.inFiles,
    });
  }

  /** Adds one iopub message to the cell. @returns text for people, where it has any */
  add(message: Message): OutputText | undefined {
    const type = message.header.msg_type;
    const hook = this.#options.widgets.hookOf(message);
    if (type.startsWith('comm_')) this.#options.widgets.handle(message);
    else if (type === 'clear_output') {
      const wait = message.content.wait === true;
      if (hook) hook.clear(wait, message);
      else if (wait) this.#clearNext = true;
      else this.#clear();
    } else if (type === 'update_display_data') this.#update(message.content);
    else if (outputTypes.has(type)) return this.#output(message, hook);
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#spill?.[Symbol.dispose]();
    this.#spill = undefined;
  }

  #output(message: Message, hook: ReturnType<Widgets['hookOf']>): OutputText | undefined {
    const { content } = message;
    if (message.header.msg_type !== 'stream') this.#update(content);
    const output = outputOf(message.header.msg_type as Output['output_type'], content);
    if (hook) {
      hook.output(output, message);
      return undefined;
    }
    if (this.#clearNext) this.#clear();
    if (output.output_type === 'stream') return this.#stream(output);
    const fitting = this.#fitting(output);
    this.#cell!.outputs!.push(fitting);
    const id = displayId(content);
    if (id !== undefined) this.#displays.set(id, (this.#displays.get(id) ?? new Set()).add(fitting));
    const text = fitting.data?.['text/plain'];
    return typeof text === 'string' ? { stream: 'display', text } : undefined;
  }

  #clear(): void {
    for (const output of this.#cell!.outputs ?? [])
      for (const shown of this.#displays.values()) shown.delete(output);
    this.#cell!.outputs = [];
    this.#clearNext = false;
    this.#size = 0;
  }

  #stream(output: Output): OutputText | undefined {
    const name = output.name as 'stdout' | 'stderr';
    const text = String(output.text);
    const outputs = this.#cell!.outputs!;
    const room = this.#options.limits.inNotebook - this.#size;
    this.#size += text.length;
    if (room <= 0) {
      this.#spill!.stream(name, text);
      return undefined;
    }
    const kept = text.slice(0, room);
    append(outputs, { output_type: 'stream', name, text: kept });
    if (kept.length === text.length) return { stream: name, text };
    const file = this.#spill!.stream(name, text.slice(room));
    const note = `\n[the output is larger than ${megabytes(this.#options.limits.inNotebook)}: the rest is in ${file}]\n`;
    append(outputs, { output_type: 'stream', name, text: note });
    return { stream: name, text: `${kept}${note}` };
  }

  /** The output itself, or in its place a note about the files that hold it. */
  #fitting(output: Output): Output {
    const size = JSON.stringify(output.data ?? output.traceback ?? '').length;
    if (size <= this.#options.limits.inNotebook - this.#size) {
      this.#size += size;
      return output;
    }
    if (!output.data) return { ...output, traceback: (output.traceback ?? []).slice(-20) };
    const notes = Object.entries(output.data).map(([type, value]) => {
      const bytes = bytesOf(type, value);
      const file = this.#spill!.part(extensionOf(type), bytes);
      return `[${type}, ${megabytes(bytes.length)}, is too large for the notebook: it is in ${file}]`;
    });
    return { ...output, data: { 'text/plain': notes.join('\n') } };
  }

  #update(content: Record<string, unknown>): void {
    const id = displayId(content);
    if (id === undefined) return;
    for (const output of this.#displays.get(id) ?? []) {
      output.data = (content.data ?? {}) as Record<string, unknown>;
      output.metadata = (content.metadata ?? {}) as Record<string, unknown>;
    }
  }
}

function append(outputs: Output[], output: Output): void {
  const last = outputs.at(-1);
  if (last?.output_type === 'stream' && last.name === output.name) last.text = `${last.text}${output.text}`;
  else outputs.push(output);
}

function displayId(content: Record<string, unknown>): string | undefined {
  const transient = content.transient as { display_id?: string } | null | undefined;
  return transient?.display_id ?? undefined;
}

function outputOf(type: Output['output_type'], content: Record<string, unknown>): Output {
  if (type === 'stream')
    return {
      output_type: type,
      name: content.name === 'stderr' ? 'stderr' : 'stdout',
      text: String(content.text),
    };
  if (type === 'error')
    return {
      output_type: type,
      ename: String(content.ename),
      evalue: String(content.evalue),
      traceback: (content.traceback ?? []) as string[],
    };
  return {
    output_type: type,
    // In nbformat's order: output widgets show their kernel what they caught, and a cell may print that.
    metadata: (content.metadata ?? {}) as Record<string, unknown>,
    data: (content.data ?? {}) as Record<string, unknown>,
    ...(type === 'execute_result' ? { execution_count: content.execution_count as number } : {}),
  };
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

function bytesOf(type: string, value: unknown): Buffer {
  if (typeof value !== 'string') return Buffer.from(JSON.stringify(value));
  return Buffer.from(value, /^(image|audio|video)\/(?!svg)/.test(type) ? 'base64' : 'utf8');
}

const extensionOf = (type: string) =>
  type
    .split('/')
    .at(-1)!
    .replace(/\+.*$/, '')
    .replaceAll(/[^a-z0-9]/gi, '') || 'txt';
