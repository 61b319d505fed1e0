import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** The directory that holds everything Tagboat is made of. */
export const installation = realpathSync(join(here, '..', '..', '..'));

/** The directory with the model server's Python package; named here, since steps start often and need no more of that room. */
export const modelServerDirectory = join(installation, 'packages', 'serving', 'python');

/** The example projects. */
export const examplesDirectory = join(installation, 'examples');

/** Whether this runs from the sources of a checkout, not from the published package. */
export const isSource = existsSync(join(here, 'main.ts'));

/** The command line that starts this CLI. */
export const selfCommand: readonly string[] = isSource
  ? [process.execPath, '--disable-warning=ExperimentalWarning', join(here, 'main.ts')]
  : [process.execPath, join(installation, 'dist', 'main.cjs')];

/** The directories of a Python, where they are not the system's own. */
export function prefixOf(python: string): string[] {
  const prefix = dirname(dirname(realpathSync(python)));
  return prefix.startsWith('/usr') || !existsSync(prefix) ? [] : [prefix];
}
