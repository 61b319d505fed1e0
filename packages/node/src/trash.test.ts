import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@tagboat/base';
import { removeTree } from '@tagboat/process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Trash } from './trash.ts';

const options = { clock: systemClock, log: silentLogger };
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-trash-'));
  await mkdir(join(directory, 'pods/one'), { recursive: true });
  await writeFile(join(directory, 'pods/one/file'), 'text');
});
afterEach(() => removeTree([directory]));

it('takes a directory away at once, and removes what is in it', async () => {
  await using trash = await Trash.open(join(directory, 'trash'), options);
  await trash.take(join(directory, 'pods/one'));
  await trash.take(join(directory, 'pods/never-there'));
  expect(await readdir(join(directory, 'pods'))).toEqual([]);
  await trash.empty();
  expect(await readdir(join(directory, 'trash'))).toEqual([]);
});

it('removes what an earlier life left', async () => {
  await mkdir(join(directory, 'trash/left/deep'), { recursive: true });
  await using trash = await Trash.open(join(directory, 'trash'), options);
  await trash.empty();
  expect(await readdir(join(directory, 'trash'))).toEqual([]);
});
