import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { notFound } from '@tagboat/base';
import type { StepContext } from './context.ts';

/** The environment that an earlier step made. @throws `NotFound` where it was removed since, as what nobody uses is */
export function environmentDirectoryOf(context: StepContext): string {
  const key = context.get('TAGBOAT_ENVIRONMENT_KEY');
  const directory = join(context.environments, key);
  if (existsSync(directory)) return directory;
  throw notFound(`the Python environment ${key.slice(0, 12)} is not on this machine any more`, {
    hint: 'run all of it again, which makes it anew: tagboat rerun RUN',
  });
}

/** The interpreter of an environment that an earlier step made. @throws as `environmentDirectoryOf` */
export const pythonOf = (context: StepContext): string =>
  join(environmentDirectoryOf(context), 'bin', 'python');

/** The interpreter that an environment was made from (PEP 405 `pyvenv.cfg`). */
export async function basePythonOf(environmentDirectory: string): Promise<string> {
  const text = await readFile(join(environmentDirectory, 'pyvenv.cfg'), 'utf8');
  const home = /^home\s*=\s*(.+)$/m.exec(text)?.[1]?.trim();
  if (!home) throw notFound(`${environmentDirectory} is no Python environment: pyvenv.cfg names no home`);
  const version = /^version(?:_info)?\s*=\s*(\d+\.\d+)/m.exec(text)?.[1];
  return join(home, version ? `python${version}` : 'python3');
}
