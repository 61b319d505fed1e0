import type { Kernel } from './kernel.ts';
import type { Output } from './notebook-file.ts';
import type { Message } from './wire.ts';

type State = Record<string, unknown>;

interface CommData {
  readonly state?: State;
  readonly buffer_paths?: readonly (readonly (string | number)[])[];
}

/** Takes a cell's outputs in place of the cell. */
export interface OutputHook {
  output(output: Output, message: Message): void;
  clear(wait: boolean, message: Message): void;
}

/**
 * The state of the widgets that a notebook shows, kept as a front end keeps it, so that the executed notebook shows them
 * without a kernel (ipywidgets' "Jupyter widgets messaging protocol" 2; nbclient's `handle_comm_msg`).
 */
export class Widgets {
  readonly #states = new Map<string, State>();
  readonly #buffers = new Map<string, Map<string, unknown>>();
  readonly #outputWidgets = new Map<string, OutputWidget>();
  /** Message id -> who takes what is published for it, the last one first. */
  readonly #hooks = new Map<string, OutputWidget[]>();
  readonly #kernel: () => Kernel;

  constructor(kernel: () => Kernel) {
    this.#kernel = kernel;
  }

  /** Who takes what is published for this message, where it is not the cell. */
  hookOf(message: Message): OutputHook | undefined {
    return this.#hooks.get(message.parent.msg_id ?? '')?.at(-1);
  }

  /** Handles comm_open, comm_msg and comm_close. */
  handle(message: Message): void {
    const id = String(message.content.comm_id);
    const data = (message.content.data ?? {}) as CommData;
    if (data.state) {
      const state = { ...this.#states.get(id), ...data.state };
      this.#states.set(id, state);
      this.#keepBuffers(id, data, message.buffers);
    }
    if (message.header.msg_type === 'comm_open') this.#open(id, message, data.state);
    else if (data.state && message.header.msg_type === 'comm_msg') this.#redirect(id, data.state);
  }

  /** The notebook metadata that shows the widgets again; undefined where there are none. */
  metadata(): Record<string, unknown> | undefined {
    if (this.#states.size === 0) return undefined;
    const models = [...this.#states].filter(([, state]) => '_model_name' in state);
    const state = models.map(([id, model]) => {
      const buffers = this.#buffers.get(id);
      return [
        id,
        {
          model_name: model._model_name,
          model_module: model._model_module,
          model_module_version: model._model_module_version,
          state: model,
          ...(buffers ? { buffers: [...buffers.values()] } : {}),
        },
      ];
    });
    return {
      'application/vnd.jupyter.widget-state+json': {
        state: Object.fromEntries(state),
        version_major: 2,
        version_minor: 0,
      },
    };
  }

  #open(id: string, message: Message, state: State | undefined): void {
    if (message.content.target_name !== 'jupyter.widget') return;
    if (state?._model_module !== '@jupyter-widgets/output' || state._model_name !== 'OutputModel') return;
    const changed = (outputs: Output[], cause: Message) => {
      this.#states.set(id, { ...this.#states.get(id), outputs });
      const data = { method: 'update', state: { outputs }, buffer_paths: [] };
      void this.#kernel().send('comm_msg', { comm_id: id, data }, cause.parent);
    };
    this.#outputWidgets.set(id, new OutputWidget((state.outputs ?? []) as Output[], changed));
  }

  /** An output widget that is entered names the message whose outputs it takes; one that is left names none. */
  #redirect(id: string, state: State): void {
    const widget = this.#outputWidgets.get(id);
    if (!widget || !('msg_id' in state)) return;
    const next = String(state.msg_id ?? '');
    if (next) this.#hooks.set(next, [...(this.#hooks.get(next) ?? []), widget]);
    else {
      const hooks = (this.#hooks.get(widget.messageId) ?? []).filter((hook) => hook !== widget);
      this.#hooks.set(widget.messageId, hooks);
    }
    widget.messageId = next;
  }

  #keepBuffers(id: string, data: CommData, buffers: readonly Uint8Array[]): void {
    const paths = data.buffer_paths ?? [];
    if (paths.length === 0) return;
    const known = this.#buffers.get(id) ?? new Map<string, unknown>();
    this.#buffers.set(id, known);
    for (const [index, path] of paths.entries())
      known.set(JSON.stringify(path), {
        data: Buffer.from(buffers[index] ?? []).toString('base64'),
        encoding: 'base64',
        path,
      });
  }
}

/** What JupyterLab's output widget does: shows what is published while it is entered. */
class OutputWidget implements OutputHook {
  messageId = '';
  #outputs: Output[];
  #clearNext = false;
  readonly #changed: (outputs: Output[], cause: Message) => void;

  constructor(outputs: Output[], changed: (outputs: Output[], cause: Message) => void) {
    this.#outputs = outputs;
    this.#changed = changed;
  }

  output(output: Output, message: Message): void {
    if (this.#clearNext) this.#outputs = [];
    this.#clearNext = false;
    const last = this.#outputs.at(-1);
    if (last?.output_type === 'stream' && output.output_type === 'stream' && last.name === output.name)
      this.#outputs = [...this.#outputs.slice(0, -1), { ...last, text: `${last.text}${output.text}` }];
    else this.#outputs = [...this.#outputs, output];
    this.#changed(this.#outputs, message);
  }

  clear(wait: boolean, message: Message): void {
    this.#clearNext = wait;
    if (wait) return;
    this.#outputs = [];
    this.#changed(this.#outputs, message);
  }
}
