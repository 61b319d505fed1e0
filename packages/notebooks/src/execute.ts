import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Clock, systemClock } from '@tagboat/base';
import { installedBy } from './check.ts';
import { Kernel } from './kernel.ts';
import { kernelCommand } from './kernelspecs.ts';
import { type GroupMemory, groupMemory } from './memory-limit.ts';
import { type Notebook, parseNotebook, runs, sourceOf, upgraded } from './notebook-file.ts';
import { declaredParameters, injectParameters, withoutErrorMarkers } from './parameters.ts';
import { NotebookRun } from './run.ts';
import { defaultLimits, type OutputLimits } from './spill.ts';

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
  /** Comes every few seconds while a cell runs. */
  | {
      readonly type: 'progress';
      readonly index: number;
      readonly total: number;
      readonly seconds: number;
      /** The last line that the cell printed. */
      readonly lastLine: string;
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
  /** Milliseconds until the kernel must have answered (default 60 s). */
  readonly startTimeout?: number;
  readonly limits?: OutputLimits;
  readonly clock?: Clock;
  /** What the kernel's control group says of its memory; default: that of this process. */
  readonly memory?: () => Promise<GroupMemory | undefined>;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: NotebookEvent) => void;
  /** Called when all cells have run and the notebook is saved, while the kernel ends: that may take some time. */
  readonly onRan?: () => void;
}

export interface NotebookResult {
  readonly cells: number;
  readonly seconds: number;
}

/**
 * Executes a notebook cell by cell in a kernel of its own, with papermill's parameters and metadata.
 * @throws `CellFailed` naming notebook, cell and exception; `KernelDied`; `OutOfMemory`; `Timeout`; `Cancelled`
 */
export async function executeNotebook(options: ExecuteOptions): Promise<NotebookResult> {
  const name = options.name ?? basename(options.path);
  const source = parseNotebook(await readFile(options.path, 'utf8'), name);
  const parameters = options.parameters ?? {};
  for (const message of warningsOf(source, parameters)) options.onEvent?.({ type: 'warning', message });
  const notebook = upgraded(injectParameters(withoutErrorMarkers(source), parameters));
  const { startTimeout, signal, limits = defaultLimits, clock = systemClock, memory = groupMemory } = options;
  const memoryBefore = await memory();
  const command = await kernelCommand(notebook, { ...options, name });
  await using kernel = await Kernel.start({
    ...command,
    ...(startTimeout === undefined ? {} : { startTimeout }),
    ...(signal ? { signal } : {}),
  });
  const more = { name, parameters, limits, clock, memory, memoryBefore };
  using run = new NotebookRun({ ...options, ...more }, notebook, kernel);
  return await run.all();
}

/** What about a notebook is not what its author may think, said before it runs. */
function warningsOf(notebook: Notebook, parameters: Readonly<Record<string, unknown>>): string[] {
  const known = declaredParameters(notebook);
  const undeclared = Object.keys(parameters).filter((parameter) => !known?.includes(parameter));
  const code = notebook.cells.filter(runs);
  const installs = code.flatMap((cell, index) => {
    const packages = installedBy(sourceOf(cell));
    return packages === undefined ? [] : `cell ${index + 1} installs ${packages}`;
  });
  return [
    ...undeclared.map((parameter) =>
      known
        ? `the notebook declares no parameter "${parameter}"; it is set all the same`
        : `the notebook has no cell tagged "parameters"; "${parameter}" is set before its first cell`,
    ),
    ...installs.map(
      (text) => `${text}: add it to the requirements, runs share an environment that no run changes`,
    ),
    ...(code.length === 0 ? ['the notebook has no cell with code'] : []),
  ];
}
