import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeError } from '@tagboat/base';
import { type Environment, ensureEnvironment } from '@tagboat/python';

/** What tests with a real kernel need: kernels of two languages, and Jupyter's own tools to compare with. */
const requirements = [
  'ipykernel==7.3.0',
  'ipywidgets==8.1.7',
  'nbclient==0.10.2',
  'nbformat==5.10.4',
  'bash_kernel==0.10.0',
  'matplotlib==3.10.9',
];

/**
 * A Python environment for tests, made once and kept in the user's cache; or why it cannot be had here.
 * @param file a requirements file whose packages it has besides
 */
export async function testEnvironment(file?: string): Promise<Environment | { readonly reason: string }> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tagboat-tests');
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-requirements-'));
  try {
    const more = file ? await readFile(file, 'utf8') : '';
    await writeFile(join(directory, 'requirements.txt'), `${requirements.join('\n')}\n${more}`);
    return await ensureEnvironment({
      requirements: { directory, file: 'requirements.txt' },
      environmentsDirectory: join(cache, 'environments'),
      cacheDirectory: join(cache, 'cache'),
    });
  } catch (error) {
    return { reason: `no Python environment for it: ${describeError(error)}` };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
