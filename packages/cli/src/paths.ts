import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
/** True when this is the bundled package, not the checkout. */
const bundled = !here.endsWith(join('packages', 'cli', 'src'));

/** The directory that holds everything Tagboat is made of. */
export const installation = realpathSync(bundled ? join(here, '..') : join(here, '..', '..', '..'));

/** The directory with the model server's Python package. */
export const modelServerDirectory = bundled
  ? join(installation, 'python')
  : join(installation, 'packages', 'serving', 'python');

/** The example projects. */
export const examplesDirectory = join(installation, 'examples');

/** The command line that starts this CLI. */
export const selfCommand: readonly string[] = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  bundled ? join(here, 'tagboat.js') : join(here, 'main.ts'),
];

/** The directories of a Python, where they are not the system's own. */
export function prefixOf(python: string): string[] {
  const prefix = dirname(dirname(realpathSync(python)));
  return prefix.startsWith('/usr') || !existsSync(prefix) ? [] : [prefix];
}
