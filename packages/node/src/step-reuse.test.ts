import { lstat, mkdir, mkdtemp, readFile, readlink, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PodSteps } from '@tagboat/api';
import { removeTree, runChecked } from '@tagboat/process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NodeLayout } from './layout.ts';
import { StepReuseCache } from './step-reuse.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tagboat-reuse-'));
  await mkdir(join(home, 'results'));
  await mkdir(join(home, 'work/out'), { recursive: true });
});
afterEach(() => removeTree([home]));

const plan = {
  steps: [],
  results: [],
  reuse: { identity: 'task', inputs: [], outputs: ['/w/out'] },
} as unknown as PodSteps;

const open = () =>
  StepReuseCache.open(new NodeLayout(home), plan, {
    hostPath: (path) => path.replace('/w', join(home, 'work')),
    results: join(home, 'results'),
  });

it('keeps and puts back whatever a step can leave, quickly though it is large', async () => {
  const out = join(home, 'work/out');
  await writeFile(join(home, 'results/r'), 'value');
  await symlink('/etc/passwd', join(home, 'results/link'));
  await runChecked('mkfifo', [join(out, 'pipe'), join(home, 'results/pipe')]);
  await symlink('/etc/passwd', join(out, 'link'));
  await writeFile(join(out, 'sparse'), 'x');
  await truncate(join(out, 'sparse'), 2 ** 40);
  await (await open())!.keep();
  await removeTree([out, join(home, 'results')]);
  await mkdir(join(home, 'results'));
  expect(await (await open())!.restore()).toBe(true);
  expect(await readFile(join(home, 'results/r'), 'utf8')).toBe('value');
  await expect(lstat(join(home, 'results/link'))).rejects.toMatchObject({ code: 'ENOENT' });
  expect((await lstat(join(out, 'pipe'))).isFIFO()).toBe(true);
  expect(await readlink(join(out, 'link'))).toBe('/etc/passwd');
  expect((await lstat(join(out, 'sparse'))).size).toBe(2 ** 40);
});
