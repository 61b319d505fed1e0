import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import type { ExecuteOptions } from './execute.ts';
import type { KernelOptions } from './kernel.ts';
import type { Notebook } from './notebook-file.ts';
import { languageOf } from './parameters.ts';

/** How the kernel of a notebook is started: `ipykernel` of the environment, or the kernelspec it names. @throws `NoKernel` */
export async function kernelCommand(notebook: Notebook, options: ExecuteOptions): Promise<KernelOptions> {
  const { cwd, env, python } = options;
  const language = languageOf(notebook);
  if (language === 'python')
    return { argv: [python, '-m', 'ipykernel_launcher', '-f', '{connection_file}'], cwd, env };
  const name = notebook.metadata.kernelspec?.name ?? language;
  const places = [
    join(dirname(dirname(python)), 'share/jupyter/kernels'),
    join(homedir(), '.local/share/jupyter/kernels'),
    '/usr/local/share/jupyter/kernels',
    '/usr/share/jupyter/kernels',
  ];
  for (const place of places) {
    const text = await readFile(join(place, name, 'kernel.json'), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const spec = JSON.parse(text) as {
      argv: string[];
      env?: Record<string, string>;
      interrupt_mode?: 'signal' | 'message';
    };
    return {
      argv: spec.argv,
      cwd,
      env: { ...env, ...spec.env },
      interruptMode: spec.interrupt_mode ?? 'signal',
    };
  }
  throw new TagboatError(`the notebook needs the kernel "${name}", which is not installed`, {
    reason: 'NoKernel',
    retryable: false,
    hint: `looked in ${places.join(', ')}`,
  });
}
