import { mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { formatDuration } from '@tagboat/base';
import { CellFailed, executeNotebook, type NotebookEvent } from '@tagboat/notebooks';
import type { StepContext } from './context.ts';
import type { Execution } from './execute.ts';
import { withHint } from './execution-error.ts';

/** Runs a step's notebook. @throws `CellFailed`, with a hint */
export async function runNotebook(
  context: StepContext,
  execution: Execution,
  env: Record<string, string>,
): Promise<void> {
  const { step, workdir, python, notebooks } = execution;
  const name = step.notebook!;
  await mkdir(notebooks, { recursive: true });
  const outputPath = await freePath(notebooks, name);
  execution.onStart?.();
  // Notebooks show their pictures: the kernel chooses the backend that does.
  const { MPLBACKEND: _backend, ...variables } = env;
  try {
    const { cells, seconds } = await executeNotebook({
      path: join(workdir, name),
      outputPath,
      name,
      parameters: step.parameters,
      cwd: workdir,
      python,
      env: { ...variables, JPY_PARENT_PID: String(process.pid) },
      ...(context.signal ? { signal: context.signal } : {}),
      onEvent: (event) => report(context, name, event),
      ...(execution.onRan ? { onRan: execution.onRan } : {}),
    });
    context.say(`${name}: ${cells} cells in ${formatDuration(seconds * 1000)}`);
  } catch (error) {
    if (error instanceof CellFailed) {
      context.say(error.traceback);
      throw withHint(error, execution, `${error.exceptionName}: ${error.exceptionValue}`);
    }
    throw error;
  }
}

/** Steps may run one notebook twice, or two of one name: each leaves a file of its own. */
export async function freePath(directory: string, notebook: string): Promise<string> {
  const taken = new Set(await readdir(directory));
  const name = basename(notebook, '.ipynb');
  let file = `${name}.ipynb`;
  for (let number = 2; taken.has(file); number++) file = `${name}-${number}.ipynb`;
  return join(directory, file);
}

function report(context: StepContext, name: string, event: NotebookEvent): void {
  if (event.type === 'warning') context.say(`${name}: ${event.message}`);
  else if (event.type === 'output')
    for (const line of event.text.replace(/\n$/, '').split('\n')) context.say(`  ${line}`);
  else if (event.type === 'progress') {
    const last = event.lastLine ? `: ${event.lastLine}` : '';
    context.say(
      `[cell ${event.index}/${event.total}] runs for ${formatDuration(event.seconds * 1000)}${last}`,
    );
  } else if (event.state === 'running') context.say(`[cell ${event.index}/${event.total}] ${event.line}`);
  else if (event.state === 'done' && event.seconds >= 1)
    context.say(`[cell ${event.index}/${event.total}] done in ${formatDuration(event.seconds * 1000)}`);
}
