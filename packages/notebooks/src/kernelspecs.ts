import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { invalid, TagboatError } from '@tagboat/base';
import type { KernelOptions } from './kernel.ts';
import type { Notebook } from './notebook-file.ts';
import { languageOf } from './parameters.ts';
import { quickEnd } from './quick-end.ts';

export interface KernelPlace {
  /** The notebook, as messages call it. */
  readonly name: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The interpreter whose `ipykernel` runs Python notebooks. */
  readonly python: string;
}

interface KernelSpec {
  readonly argv?: unknown;
  readonly env?: Record<string, string>;
  readonly interrupt_mode?: 'signal' | 'message';
}

/** As nbclient starts it: what cells say is not kept in the user's history, nor written to disk for each. */
const ipykernel = [
  '-m',
  'ipykernel_launcher',
  '-f',
  '{connection_file}',
  '--HistoryManager.hist_file=:memory:',
  ...quickEnd,
];

/**
 * How the kernel of a notebook is started: `ipykernel` of the environment for Python, else the kernelspec it names.
 * @throws `NoKernel` telling where it was looked for
 */
export async function kernelCommand(notebook: Notebook, place: KernelPlace): Promise<KernelOptions> {
  const { cwd, env, python } = place;
  const language = languageOf(notebook);
  if (language === 'python') return { argv: [python, ...ipykernel], cwd, env };
  const name = notebook.metadata.kernelspec?.name ?? language;
  if (!/^[\w.-]+$/.test(name)) throw invalid(`"${name}" is no name of a kernel`);
  const places = kernelDirectories(place);
  for (const directory of places.map((path) => join(path, name))) {
    const text = await readFile(join(directory, 'kernel.json'), 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    const spec = parseSpec(text, join(directory, 'kernel.json'));
    const argv = (spec.argv as string[]).map((word) => word.replaceAll('{resource_dir}', directory));
    const added = Object.entries(spec.env ?? {}).map(([key, value]) => [key, expanded(value, env)]);
    return {
      argv,
      cwd,
      env: { ...env, ...Object.fromEntries(added) },
      interruptMode: spec.interrupt_mode ?? 'signal',
    };
  }
  throw new TagboatError(`${place.name} needs the kernel "${name}", which is not installed`, {
    reason: 'NoKernel',
    retryable: false,
    hint: `${howToInstall(language)}; looked in ${places.join(', ')}`,
  });
}

const howToInstall = (language: string) =>
  language.toLowerCase() === 'r'
    ? 'install R and its package IRkernel where pods run (Debian: r-cran-irkernel)'
    : "add the kernel's package to the requirements where PyPI has it, or install it where pods run";

/** Where kernelspecs are looked for, in Jupyter's order (`jupyter --paths`), the environment's own first. */
export function kernelDirectories({ env, python }: Pick<KernelPlace, 'env' | 'python'>): string[] {
  const home = env.HOME ?? homedir();
  const roots = [
    ...(env.JUPYTER_PATH ?? '').split(delimiter).filter(Boolean),
    join(dirname(dirname(python)), 'share/jupyter'),
    env.JUPYTER_DATA_DIR ?? join(env.XDG_DATA_HOME ?? join(home, '.local/share'), 'jupyter'),
    join(home, 'Library/Jupyter'),
    '/usr/local/share/jupyter',
    '/usr/share/jupyter',
  ];
  return [...new Set(roots)].map((root) => join(root, 'kernels'));
}

function parseSpec(text: string, file: string): KernelSpec {
  let spec: KernelSpec;
  try {
    spec = JSON.parse(text) as KernelSpec;
  } catch (cause) {
    throw invalid(`${file} is no kernelspec: ${(cause as Error).message}`, { location: { file }, cause });
  }
  const { argv } = spec;
  if (!Array.isArray(argv) || argv.length === 0 || argv.some((word) => typeof word !== 'string'))
    throw invalid(`${file}: expected argv, a list of words`, { location: { file } });
  return spec;
}

/** `${NAME}` as jupyter_client replaces it in a kernelspec's variables. */
const expanded = (text: string, env: KernelPlace['env']) =>
  text.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => env[name] ?? whole);
