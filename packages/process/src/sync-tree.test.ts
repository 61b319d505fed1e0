import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { syncTree } from './sync-tree.ts';

it.each([3, 100])('takes trees of %i files, with links that lead nowhere', async (count) => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-sync-'));
  try {
    await mkdir(join(directory, 'a'));
    await symlink('/nowhere', join(directory, 'link'));
    for (let index = 0; index < count; index++) await writeFile(join(directory, 'a', String(index)), 'x');
    await expect(syncTree(directory)).resolves.toBeUndefined();
    await expect(syncTree(join(directory, 'none'))).rejects.toThrow(/ENOENT/);
  } finally {
    await rm(directory, { recursive: true });
  }
});
