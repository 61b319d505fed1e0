import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { kinds, type Secret } from '@tagboat/api';
import { systemClock } from '@tagboat/base';
import { openDiskStore } from '@tagboat/store';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { backupStream, removeHalfBackups } from './backup.ts';
import { addTree } from './backup-files.ts';
import { restore } from './restore.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'restore-'));
});
afterEach(() => rm(root, { recursive: true }));

const open = (home: string) =>
  openDiskStore({ directory: join(home, 'store'), keyFile: join(home, 'config', 'store-key') });
const secret = (name: string): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'demo' },
  data: { password: 'b3Blbg==' },
});
const key = (name: string) => ({ type: kinds.Secret, namespace: 'demo', name });

test('repositories, images and claims come back with their modes, empty directories and links', async () => {
  const home = join(root, 'home');
  await mkdir(join(home, 'git', 'demo', 'r.git', 'refs', 'tags'), { recursive: true });
  await mkdir(join(home, 'git', 'demo', 'r.git', 'objects', 'ab'), { recursive: true });
  await writeFile(join(home, 'git', 'demo', 'r.git', 'HEAD'), 'ref: refs/heads/main\n');
  await writeFile(join(home, 'git', 'demo', 'r.git', 'objects', 'ab', 'cd'), 'object', { mode: 0o444 });
  await mkdir(join(home, 'volumes', 'claims', 'demo', 'data'), { recursive: true });
  await mkdir(join(home, 'volumes', 'pods', 'gone'), { recursive: true });
  await writeFile(join(home, 'volumes', 'claims', 'demo', 'data', 'run.sh'), 'x'.repeat(200_000), {
    mode: 0o755,
  });
  await symlink('data', join(home, 'volumes', 'claims', 'demo', 'link'));
  const { archive } = await backedUp();
  const other = join(root, 'other');
  await restore({ home: other, archive, force: false, clock: systemClock });
  const git = join(other, 'git', 'demo', 'r.git');
  expect((await stat(join(git, 'refs', 'tags'))).isDirectory()).toBe(true);
  expect(await readFile(join(git, 'objects', 'ab', 'cd'), 'utf8')).toBe('object');
  const claims = join(other, 'volumes', 'claims', 'demo');
  expect((await stat(join(claims, 'data', 'run.sh'))).mode & 0o777).toBe(0o755);
  expect(await readlink(join(claims, 'link'))).toBe('data');
  expect(await readdir(join(other, 'volumes'))).toEqual(['claims']);
});

test('an archive that broke off between two files is no backup', async () => {
  const { archive } = await backedUp();
  const whole = await readFile(archive);
  await writeFile(archive, whole.subarray(0, -1024));
  const about = { home: join(root, 'other'), archive, force: false, clock: systemClock };
  await expect(restore(about)).rejects.toThrow('broke off');
  await writeFile(archive, 'x');
  await expect(restore(about)).rejects.toThrow('broke off');
});

test.each(['file', 'directory'])('a %s whose name an archive cannot hold is named', async (kind) => {
  const claim = join(root, 'home', 'volumes', 'claims', 'demo');
  await mkdir(claim, { recursive: true });
  const path = Buffer.concat([Buffer.from(`${claim}/caf`), Buffer.of(0xe9)]);
  await (kind === 'file' ? writeFile(path, 'x') : mkdir(path));
  await expect(backedUp()).rejects.toThrow('no UTF-8');
});

test('a directory that goes while another is read takes nothing with it', async () => {
  const git = join(root, 'home', 'git', 'demo', 'r.git');
  for (const name of ['objects/aa', 'tmp_objdir-1', 'refs'])
    await mkdir(join(git, name), { recursive: true });
  await writeFile(join(git, 'objects/aa/object'), 'x');
  const archive = pack();
  const names: string[] = [];
  const entry = archive.entry.bind(archive);
  archive.entry = ((header: { name: string }, ...rest: never[]) => {
    names.push(header.name);
    return entry(header as never, ...rest);
  }) as never;
  archive.resume();
  const adding = addTree(archive, join(root, 'home', 'git'), 'git');
  await rm(join(git, 'tmp_objdir-1'), { recursive: true });
  await adding;
  expect(names).toContain('git/demo/r.git/objects/aa/object');
});

test('who goes away while a backup is sent harms nobody, and leaves no copy', async () => {
  const home = join(root, 'home');
  await mkdir(join(home, 'git'), { recursive: true });
  for (let index = 0; index < 50; index++) await writeFile(join(home, 'git', `${index}`), 'x'.repeat(70_000));
  await using store = await open(home);
  for (let times = 0; times < 20; times++) {
    const stream = backupStream({ store, home, clock: systemClock });
    for await (const _ of stream) if (Math.random() < 0.2) break;
    stream.destroy();
  }
  const copies = async () =>
    (await readdir(join(home, 'store'))).filter((name) => name.startsWith('backup-'));
  await expect.poll(copies).toEqual([]);
  await mkdir(join(home, 'store', 'backup-killed'));
  await removeHalfBackups(home);
  expect(await copies()).toEqual([]);
});

async function backedUp(): Promise<{ home: string; archive: string }> {
  const home = join(root, 'home');
  await mkdir(join(home, 'config'), { recursive: true });
  await writeFile(join(home, 'config', 'token'), 'the-owner');
  const store = await open(home);
  await store.create(secret('kept'));
  const archive = join(root, 'backup.tar');
  await pipeline(backupStream({ store, home, clock: systemClock }), createWriteStream(archive));
  await store.create(secret('later'));
  await store[Symbol.asyncDispose]();
  return { home, archive };
}

test('a backup made while the store is open comes back elsewhere, Secrets and all', async () => {
  const { archive } = await backedUp();
  const home = join(root, 'other');
  const { kept } = await restore({ home, archive, force: false, clock: systemClock });
  expect(kept).toEqual([]);
  expect(await readFile(join(home, 'config', 'token'), 'utf8')).toBe('the-owner');
  await using store = await open(home);
  expect((await store.get<Secret>(key('kept')))?.data).toEqual({ password: 'b3Blbg==' });
  expect(await store.get(key('later'))).toBeUndefined();
});

test('what is there is replaced only when that is said, never while it is open, and kept', async () => {
  const { home, archive } = await backedUp();
  const options = { home, archive, clock: systemClock };
  await expect(restore({ ...options, force: false })).rejects.toMatchObject({ reason: 'AlreadyExists' });
  const store = await open(home);
  await expect(restore({ ...options, force: true })).rejects.toMatchObject({ reason: 'Locked' });
  await store[Symbol.asyncDispose]();
  const { kept } = await restore({ ...options, force: true });
  expect(kept).toHaveLength(2);
  await using again = await open(home);
  expect(await again.get(key('later'))).toBeUndefined();
});

test.each([
  ['damaged', 'store/store.sqlite', 'Z'.repeat(8192)],
  ['locked up, its key lost,', 'config/store-key', `${Buffer.alloc(32).toString('base64')}\n`],
])('a store that is %s is replaced: that is what a backup is for', async (_, file, content) => {
  const { home, archive } = await backedUp();
  await writeFile(join(home, file), content);
  await expect(open(home)).rejects.toMatchObject({ reason: 'Corrupt' });
  await restore({ home, archive, force: true, clock: systemClock });
  await using store = await open(home);
  expect(await store.get(key('kept'))).toBeDefined();
});

test('what is no backup, or a damaged one, changes nothing', async () => {
  const home = join(root, 'other');
  const text = join(root, 'text');
  await writeFile(text, 'not a tar at all'.repeat(100));
  await expect(restore({ home, archive: text, force: false, clock: systemClock })).rejects.toMatchObject({
    reason: 'Invalid',
  });
  const escaping = pack();
  escaping.entry({ name: 'config/../../escaped' }, 'x');
  escaping.finalize();
  const evil = join(root, 'evil.tar');
  await pipeline(escaping, createWriteStream(evil));
  await expect(restore({ home, archive: evil, force: false, clock: systemClock })).rejects.toThrow(
    /which no backup has/,
  );
  const { archive } = await backedUp();
  const bytes = await readFile(archive);
  const at = bytes.indexOf('SQLite format 3');
  bytes.fill(0x5a, at + 100, at + 6000);
  await writeFile(archive, bytes);
  await expect(restore({ home, archive, force: false, clock: systemClock })).rejects.toMatchObject({
    reason: 'Corrupt',
  });
});
