import { chmod, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeTree } from './remove-tree.ts';
import { runChecked } from './run.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-remove-'));
});
afterEach(() => removeTree([directory]));

it('removes directories that are deeper than a path may be long', async () => {
  const script = 'i=0; while [ $i -lt 120 ]; do mkdir "$1"; cd "$1"; i=$((i+1)); done';
  await runChecked('sh', ['-c', script, 'sh', 'long-name-'.repeat(5)], { cwd: directory });
  await removeTree([join(directory, 'long-name-'.repeat(5))]);
  expect(await readdir(directory)).toEqual([]);
});

it('removes closed directories', async () => {
  await mkdir(join(directory, 'closed/in'), { recursive: true });
  await chmod(join(directory, 'closed'), 0);
  await removeTree([join(directory, 'closed')]);
  expect(await readdir(directory)).toEqual([]);
});

it('removes a link and not what it leads to, and nothing where nothing is', async () => {
  await mkdir(join(directory, 'kept'));
  await writeFile(join(directory, 'kept/file'), 'kept');
  await symlink(join(directory, 'kept'), join(directory, 'link'));
  await removeTree([join(directory, 'link'), join(directory, 'nothing')]);
  expect(await readdir(directory)).toEqual(['kept']);
  expect(await readFile(join(directory, 'kept/file'), 'utf8')).toBe('kept');
});
