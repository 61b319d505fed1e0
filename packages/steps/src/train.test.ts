import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keepOutput } from './train.ts';

it('keeps what links of an output lead to, so that reusing it gives the same', async () => {
  const root = await mkdtemp(join(tmpdir(), 'tagboat-train-'));
  const output = join(root, 'work/checkpoints');
  try {
    await mkdir(join(output, 'step-2'), { recursive: true });
    await writeFile(join(output, 'step-2/weights'), 'w');
    await symlink('step-2', join(output, 'latest'));
    await keepOutput(output, join(root, 'out/checkpoints'));
    const kept = await readdir(join(root, 'out/checkpoints'), { recursive: true, withFileTypes: true });
    expect(kept.some((entry) => entry.isSymbolicLink())).toBe(false);
    expect(await readFile(join(root, 'out/checkpoints/latest/weights'), 'utf8')).toBe('w');
    await symlink('nowhere', join(output, 'broken'));
    await expect(keepOutput(output, join(root, 'out/again'))).rejects.toThrow(/checkpoints cannot be kept/);
  } finally {
    await rm(root, { recursive: true });
  }
});
