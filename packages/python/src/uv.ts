import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import { runChecked, runCommand, syncTree } from '@tagboat/process';
import { downloadFile, megabytes } from './download.ts';
import { type IndexSettings, indexSettings } from './index-settings.ts';
import type { Reporter } from './progress.ts';
import { newestWheel, projectFiles } from './simple-index.ts';
import type { Interpreter, WorkOptions } from './types.ts';
import { wheelFits } from './wheel-tags.ts';

/**
 * The path of `uv`: the user's own where it is on PATH, else one fetched from the package index as a wheel, verified,
 * once per machine.
 * @throws `NetworkUnavailable`, `Unsupported` where the index has none for this host
 */
export async function ensureUv(
  options: WorkOptions,
  interpreter: Interpreter,
  reporter: Reporter,
): Promise<string> {
  const env = options.env ?? process.env;
  const own = (env.PATH ?? '')
    .split(delimiter)
    // A relative one would be taken from wherever this runs, such as somebody's repository.
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, 'uv'))
    .find((path) => existsSync(path));
  if (own) return own;
  const tools = join(options.cacheDirectory, 'tools');
  const known = (await readdir(tools).catch(() => []))
    .filter((name) => name.startsWith('uv-'))
    .sort()
    .at(-1);
  if (known && existsSync(join(tools, known, 'uv'))) return join(tools, known, 'uv');
  return fetchUv({ options, interpreter, reporter, tools });
}

async function fetchUv(input: {
  options: WorkOptions;
  interpreter: Interpreter;
  reporter: Reporter;
  tools: string;
}): Promise<string> {
  const { options, interpreter, reporter, tools } = input;
  const env = options.env ?? process.env;
  const settings: IndexSettings = await indexSettings(env);
  const http = { settings, env, ...(options.signal ? { signal: options.signal } : {}) };
  reporter.say({ phase: 'tool', message: 'looks for the installer uv on the package index' });
  const newest = newestWheel(await projectFiles('uv', http), (name) => wheelFits(name, interpreter));
  if (!newest)
    throw new TagboatError(`the package index has no uv for ${interpreter.platform}`, {
      reason: 'Unsupported',
      hint: 'install uv: https://docs.astral.sh/uv/',
    });
  const { file, version } = newest;
  reporter.say({
    phase: 'tool',
    message: `downloads uv ${version}${file.size ? ` (${megabytes(file.size)})` : ''}`,
  });
  const temporary = join(tools, `.${randomUUID()}`);
  await mkdir(temporary, { recursive: true });
  try {
    const wheel = join(temporary, file.filename);
    let shown = 0;
    await downloadFile(file, wheel, {
      ...http,
      onBytes: (done, total) => {
        const tenth = total === undefined ? 0 : Math.floor((done / total) * 10);
        if (tenth > shown)
          reporter.say({
            phase: 'tool',
            message: `downloads uv ${version}: ${megabytes(done)} of ${megabytes(total ?? done)}`,
          });
        shown = Math.max(shown, tenth);
      },
    });
    // A wheel is a zip file, which every Python can unpack.
    await runChecked(interpreter.path, ['-I', '-m', 'zipfile', '-e', wheel, temporary]);
    const target = join(tools, `uv-${version}`);
    await mkdir(join(temporary, 'out'));
    await rename(join(temporary, `uv-${version}.data`, 'scripts', 'uv'), join(temporary, 'out', 'uv'));
    await chmod(join(temporary, 'out', 'uv'), 0o755);
    await syncTree(join(temporary, 'out'));
    await rename(join(temporary, 'out'), target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return join(target, 'uv');
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

export interface UvRun {
  readonly uv: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly options: WorkOptions;
  readonly stdin?: string;
  /** Called with each line it says. */
  readonly onLine?: (line: string) => void;
}

/** Runs uv; keeps its cache beside the environments. @returns what it printed; a code other than 0 is in the result */
export async function runUv({
  uv,
  args,
  env,
  options,
  stdin,
  onLine,
}: UvRun): Promise<{ code: number; stdout: string; stderr: string }> {
  let rest = '';
  const result = await runCommand(uv, ['--no-progress', '--no-config', '--color', 'never', ...args], {
    env: {
      ...env,
      UV_CACHE_DIR: join(options.cacheDirectory, 'uv'),
      UV_PYTHON_DOWNLOADS: 'never',
      VIRTUAL_ENV: undefined,
      PYTHONPATH: undefined,
    },
    ...(stdin === undefined ? {} : { stdin }),
    ...(options.signal ? { signal: options.signal } : {}),
    onOutput: (stream, data) => {
      if (stream !== 'stderr') return;
      const lines = (rest + data.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine?.(line);
    },
  });
  return { code: result.code, stdout: result.stdout.toString('utf8'), stderr: result.stderr };
}
