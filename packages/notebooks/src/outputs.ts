import type { Cell, Output } from './notebook-file.ts';
import type { Message } from './wire.ts';

const largestOutput = 20 * 2 ** 20;

/** Collects what a cell publishes, as nbclient does: streams merged, displays updated, outputs cleared. */
export class OutputCollector {
  readonly #cells: readonly Cell[];
  #clearNext = false;
  #size = 0;

  constructor(cells: readonly Cell[]) {
    this.#cells = cells;
  }

  start(): void {
    this.#clearNext = false;
    this.#size = 0;
  }

  /** Adds one iopub message to a cell. @returns text for people, where it has any */
  add(cell: Cell, message: Message): { stream: 'stdout' | 'stderr' | 'display'; text: string } | undefined {
    const { content } = message;
    const type = message.header.msg_type;
    if (type === 'clear_output') {
      if (content.wait) this.#clearNext = true;
      else cell.outputs = [];
      return undefined;
    }
    if (type === 'update_display_data') {
      this.#update(content);
      return undefined;
    }
    if (!['stream', 'display_data', 'execute_result', 'error'].includes(type)) return undefined;
    if (this.#clearNext) {
      cell.outputs = [];
      this.#clearNext = false;
    }
    this.#size += JSON.stringify(content).length;
    if (this.#size > largestOutput) return undefined;
    cell.outputs ??= [];
    if (type === 'stream') return this.#stream(cell.outputs, content);
    if (type === 'error') {
      cell.outputs.push({
        output_type: 'error',
        ename: String(content.ename),
        evalue: String(content.evalue),
        traceback: content.traceback as string[],
      });
      return undefined;
    }
    cell.outputs.push(displayOf(type as 'display_data', content));
    const text = (content.data as Record<string, unknown> | undefined)?.['text/plain'];
    return typeof text === 'string' ? { stream: 'display', text } : undefined;
  }

  #stream(
    outputs: Output[],
    content: Record<string, unknown>,
  ): { stream: 'stdout' | 'stderr'; text: string } {
    const name = content.name === 'stderr' ? 'stderr' : 'stdout';
    const text = String(content.text);
    const last = outputs.at(-1);
    if (last?.output_type === 'stream' && last.name === name) last.text = `${last.text}${text}`;
    else outputs.push({ output_type: 'stream', name, text });
    return { stream: name, text };
  }

  #update(content: Record<string, unknown>): void {
    const id = (content.transient as { display_id?: string } | undefined)?.display_id;
    if (id === undefined) return;
    for (const cell of this.#cells)
      for (const output of cell.outputs ?? [])
        if (this.#ids.get(output) === id) {
          output.data = content.data as Record<string, unknown>;
          output.metadata = (content.metadata ?? {}) as Record<string, unknown>;
        }
  }

  readonly #ids = displayIds;
}

const displayIds = new WeakMap<Output, string>();

function displayOf(type: 'display_data' | 'execute_result', content: Record<string, unknown>): Output {
  const output: Output = {
    output_type: type,
    data: (content.data ?? {}) as Record<string, unknown>,
    metadata: (content.metadata ?? {}) as Record<string, unknown>,
    ...(type === 'execute_result' ? { execution_count: content.execution_count as number } : {}),
  };
  const id = (content.transient as { display_id?: string } | undefined)?.display_id;
  if (id !== undefined) displayIds.set(output, id);
  return output;
}
