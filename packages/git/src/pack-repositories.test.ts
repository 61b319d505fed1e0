import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChecked } from '@tagboat/process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Hosting } from './hosting.ts';
import { packRepositories } from './pack-repositories.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tagboat-pack-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

it('packs many loose objects, and keeps what no branch reaches', async () => {
  const repository = await new Hosting(join(home, 'git')).ensure('demo', 'm');
  const work = join(home, 'work');
  await mkdir(work);
  const git = async (...words: string[]) =>
    (await runChecked('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...words], { cwd: work })).stdout
      .toString()
      .trim();
  await git('init', '--quiet', '--initial-branch=main');
  for (let index = 0; index < 1500; index++) await writeFile(join(work, `${index}`), `${index}`);
  await git('add', '.');
  await git('commit', '--quiet', '-m', 'first');
  const first = await git('rev-parse', 'HEAD');
  await git('-c', 'transfer.unpackLimit=100000', 'push', '--quiet', repository, 'main');
  await git('commit', '--quiet', '--amend', '-m', 'second');
  await git('push', '--quiet', '--force', repository, 'main');
  await runChecked('git', ['unpack-objects', '-q'], {
    cwd: repository,
    stdin: (await runChecked('git', ['pack-objects', '--all', '--stdout', '-q'], { cwd: work })).stdout,
  });
  const loose = async () => {
    const { stdout } = await runChecked('git', ['count-objects'], { cwd: repository });
    return Number.parseInt(stdout.toString(), 10);
  };
  const before = await loose();
  await packRepositories(join(home, 'git'));
  expect(await loose()).toBe(before);
  await packRepositories(join(home, 'git'), { few: 100 });
  expect(await loose()).toBeLessThan(10);
  await runChecked('git', ['cat-file', '-e', first], { cwd: repository });
});
