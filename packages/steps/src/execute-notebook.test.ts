import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePath } from './execute-notebook.ts';

it('gives every executed notebook of a directory a file of its own', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-notebooks-'));
  try {
    expect(await freePath(directory, 'fit.ipynb')).toBe(join(directory, 'fit.ipynb'));
    await writeFile(join(directory, 'fit.ipynb'), '');
    await mkdir(join(directory, 'fit-2.ipynb'));
    expect(await freePath(directory, 'b/fit.ipynb')).toBe(join(directory, 'fit-3.ipynb'));
  } finally {
    await rm(directory, { recursive: true });
  }
});
