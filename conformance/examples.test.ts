import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describeError } from '@tagboat/base';
import { runCommand } from '@tagboat/process';
import { ensureEnvironment } from '@tagboat/python';
import { expect, it } from 'vitest';

const example = join(import.meta.dirname, '..', 'examples', 'flaky-tests');
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tagboat-tests');
const environment = await ensureEnvironment({
  requirements: { directory: example, file: 'requirements.txt' },
  environmentsDirectory: join(cache, 'environments'),
  cacheDirectory: join(cache, 'cache'),
}).catch((error: unknown) => ({ reason: `no Python environment for it: ${describeError(error)}` }));
const missing = 'reason' in environment ? environment.reason : undefined;

it.skipIf(missing)(
  `the tests of examples/flaky-tests pass${missing ? ` (${missing})` : ''}`,
  { timeout: 300_000 },
  async () => {
    const python = 'python' in environment ? environment.python : '';
    const { code, stderr } = await runCommand(python, ['-m', 'unittest', 'discover', '-s', 'tests', '-v'], {
      cwd: example,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...testgridData() },
    });
    expect(stderr).toMatch(/^Ran \d+ tests/m);
    expect(code, stderr).toBe(0);
  },
);

/** Real TestGrid histories, where `TAGBOAT_TESTGRID_DATA` names a folder of them, or one stands beside the checkout. */
function testgridData(): Record<string, string> {
  const places = [process.env.TAGBOAT_TESTGRID_DATA, join(import.meta.dirname, '../../shared/data/testgrid')];
  const found = places.find((path) => path !== undefined && existsSync(path));
  return found ? { TAGBOAT_TESTGRID_DATA: found } : {};
}
