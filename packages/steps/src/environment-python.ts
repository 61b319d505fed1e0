import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { notFound } from '@tagboat/base';
import type { StepContext } from './context.ts';

/** The interpreter of an environment that an earlier step made. */
export function pythonOf(context: StepContext): string {
  return join(context.environments, context.get('TAGBOAT_ENVIRONMENT_KEY'), 'bin', 'python');
}

/** The interpreter that an environment was made from (PEP 405 `pyvenv.cfg`). */
export async function basePythonOf(environmentDirectory: string): Promise<string> {
  const text = await readFile(join(environmentDirectory, 'pyvenv.cfg'), 'utf8');
  const home = /^home\s*=\s*(.+)$/m.exec(text)?.[1]?.trim();
  if (!home) throw notFound(`${environmentDirectory} is no Python environment: pyvenv.cfg names no home`);
  const version = /^version(?:_info)?\s*=\s*(\d+\.\d+)/m.exec(text)?.[1];
  return join(home, version ? `python${version}` : 'python3');
}
