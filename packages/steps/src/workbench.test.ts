import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkWritable } from './workbench.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-home-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('a home that can be written is made and left as it was', async () => {
  await checkWritable(join(directory, 'home'));
  expect(await readdir(join(directory, 'home'))).toEqual([]);
});

test('a home that cannot be written is an error that says so', async () => {
  await writeFile(join(directory, 'file'), '');
  await expect(checkWritable(join(directory, 'file'))).rejects.toThrow(/files cannot be written: .*EEXIST/);
});
