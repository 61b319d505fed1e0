import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@tagboat/base';
import { runChecked, runCommand } from '../run.ts';

export interface DebianPrograms {
  /** Its programs' directories, joined with `:`, to be put before PATH. */
  readonly path: string;
  /** For `LD_LIBRARY_PATH`. */
  readonly libraries: string;
}

/**
 * Programs of Debian packages, unpacked into a directory of their own and kept there: nothing of the system changes, and
 * no service starts.
 * @returns why they cannot be had, in words, where they cannot
 */
export async function debianPrograms(packages: readonly string[]): Promise<DebianPrograms | string> {
  const key = sha256(packages.join(' ')).slice(7, 19);
  const directory = join(tmpdir(), `tagboat-debian-${userInfo().uid}-${key}`);
  if (!existsSync(directory)) {
    const problem = await unpack(packages, directory);
    if (problem) return problem;
  }
  const root = (path: string) => join(directory, path);
  const libraries = ['usr/lib', 'lib'].map(root).filter((path) => existsSync(path));
  const nested = await Promise.all(
    libraries.map(async (path) =>
      (await readdir(path)).filter((name) => /linux-gnu/.test(name)).map((name) => join(path, name)),
    ),
  );
  return {
    path: ['usr/bin', 'usr/sbin', 'bin', 'sbin'].map(root).join(':'),
    libraries: [...nested.flat(), ...libraries].join(':'),
  };
}

async function unpack(packages: readonly string[], directory: string): Promise<string | undefined> {
  if (process.platform !== 'linux' || !existsSync('/etc/debian_version')) return 'this is not Debian';
  const temporary = await mkdtemp(join(tmpdir(), 'tagboat-debian-'));
  const download = () =>
    runCommand('apt-get', ['download', ...packages], { cwd: temporary, timeout: 120_000 });
  try {
    let { code, stderr } = await download();
    if (code !== 0 && process.getuid?.() === 0) {
      await runCommand('apt-get', ['update'], { timeout: 120_000 });
      ({ code, stderr } = await download());
    }
    if (code !== 0)
      return `apt-get cannot download ${packages.join(', ')}: ${stderr.trim().split('\n').at(-1)}`;
    const root = join(temporary, 'root');
    await mkdir(root);
    for (const name of await readdir(temporary))
      if (name.endsWith('.deb')) await runChecked('dpkg', ['-x', join(temporary, name), root]);
    await rename(root, directory).catch((error: NodeJS.ErrnoException) => {
      // Another test unpacked the same meanwhile.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    return undefined;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
