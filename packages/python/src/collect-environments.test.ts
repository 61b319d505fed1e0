import { link, mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { markUsed } from '@tagboat/base';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { collectEnvironments } from './collect-environments.ts';

const now = Date.now();
const day = 24 * 3600_000;
const options = () => ({ unusedSince: now - 30 * day, trash: join(home, 'trash'), idle: true });

let home: string;
let environments: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'environments-'));
  environments = join(home, 'environments');
  await mkdir(join(home, 'trash'));
  await mkdir(environments);
});
afterEach(() => rm(home, { recursive: true }));

const old = (path: string) => utimes(path, (now - 60 * day) / 1000, (now - 60 * day) / 1000);

async function environment(letter: string): Promise<string> {
  const path = join(environments, letter.repeat(64));
  await mkdir(join(path, 'lib'), { recursive: true });
  await writeFile(join(path, 'lib', 'six.py'), letter);
  await writeFile(join(path, '.complete'), '');
  await old(join(path, '.complete'));
  return path;
}

/** A package in the installer's cache, unpacked long ago. */
async function cached(name: string): Promise<string> {
  const path = join(environments, '.cache/uv/archive-v0', name);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'module.py'), name);
  await old(path);
  return path;
}

it('removes what was not asked for, and keeps what was', async () => {
  await environment('a');
  const used = await environment('b');
  await markUsed(join(used, '.complete'));
  await mkdir(join(environments, '.locks'));
  const { kept, removed, bytes } = await collectEnvironments(environments, options());
  expect({ kept, removed }).toEqual({ kept: 1, removed: 1 });
  expect(bytes).toBeGreaterThan(0);
  expect((await readdir(environments)).sort()).toEqual(['.locks', 'b'.repeat(64)]);
  expect(await readdir(join(home, 'trash'))).toEqual([]);
});

it('removes what was left half made, and not what is being made', async () => {
  for (const letter of ['a', 'b']) await mkdir(join(environments, `${letter.repeat(64)}.new`));
  await old(join(environments, `${'a'.repeat(64)}.new`));
  await collectEnvironments(environments, options());
  expect(await readdir(environments)).toEqual([`${'b'.repeat(64)}.new`]);
});

it('removes cached packages and layers that no environment has, while nothing is installed', async () => {
  const used = await environment('b');
  await markUsed(join(used, '.complete'));
  const shared = await cached('shared');
  await link(join(shared, 'module.py'), join(used, 'lib', 'module.py'));
  await cached('alone');
  await mkdir(join(environments, '.cache/layers'));
  for (const name of ['old.tar.gz', 'new.tar.gz'])
    await writeFile(join(environments, '.cache/layers', name), '');
  await old(join(environments, '.cache/layers/old.tar.gz'));
  await collectEnvironments(environments, { ...options(), idle: false });
  expect(await readdir(join(environments, '.cache/uv/archive-v0'))).toHaveLength(2);
  await collectEnvironments(environments, options());
  expect(await readdir(join(environments, '.cache/uv/archive-v0'))).toEqual(['shared']);
  expect(await readdir(join(environments, '.cache/layers'))).toEqual(['new.tar.gz']);
});

it('follows no link that a step put here', async () => {
  const outside = join(home, 'outside');
  await mkdir(join(outside, 'archive-v0/x'), { recursive: true });
  await mkdir(join(outside, 'layers'));
  await writeFile(join(outside, 'layers/kept'), '');
  for (const path of ['archive-v0/x', 'layers/kept', 'layers', '.']) await old(join(outside, path));
  await symlink(outside, join(environments, 'a'.repeat(64)));
  await symlink(outside, join(environments, '.cache'));
  await collectEnvironments(environments, options());
  await rm(join(environments, '.cache'));
  await mkdir(join(environments, '.cache'));
  for (const name of ['uv', 'layers']) await symlink(outside, join(environments, '.cache', name));
  await collectEnvironments(environments, options());
  expect(await readdir(outside)).toEqual(['archive-v0', 'layers']);
  expect(await readdir(join(outside, 'layers'))).toEqual(['kept']);
  expect(await readdir(join(outside, 'archive-v0'))).toEqual(['x']);
});
