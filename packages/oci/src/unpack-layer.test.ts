import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGzip } from 'node:zlib';
import { type Header, pack } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unpackLayer } from './unpack-layer.ts';

let directory: string;
let root: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-unpack-'));
  root = join(directory, 'root');
  await mkdir(root);
  await writeFile(join(directory, 'outside'), 'untouched');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

type Entry = Partial<Header> & { name: string; text?: string };

function layer(entries: readonly Entry[]) {
  const archive = pack();
  for (const { text, ...header } of entries) archive.entry(header as Header, text ?? '');
  archive.finalize();
  return archive.pipe(createGzip()) as never;
}

test.each<[string, Entry[]]>([
  ['a name that climbs', [{ name: '../outside', text: 'x' }]],
  ['a name that climbs in the middle', [{ name: 'a/../../outside', text: 'x' }]],
  [
    'a file through a link',
    [
      { name: 'way', type: 'symlink', linkname: '..' },
      { name: 'way/outside', text: 'x' },
    ],
  ],
  [
    'a file through an absolute link',
    [
      { name: 'way', type: 'symlink', linkname: '/' },
      { name: 'way/tmp/x', text: 'x' },
    ],
  ],
  [
    'a directory through a link',
    [
      { name: 'way', type: 'symlink', linkname: '..' },
      { name: 'way/made/', type: 'directory' },
    ],
  ],
  ['a hard link to outside', [{ name: 'hard', type: 'link', linkname: '../outside' }]],
  [
    'a hard link through a link',
    [
      { name: 'way', type: 'symlink', linkname: '..' },
      { name: 'hard', type: 'link', linkname: 'way/outside' },
    ],
  ],
  [
    'a whiteout through a link',
    [
      { name: 'way', type: 'symlink', linkname: '..' },
      { name: 'way/.wh.outside', text: '' },
    ],
  ],
  [
    'an opaque whiteout through a link',
    [
      { name: 'way', type: 'symlink', linkname: '..' },
      { name: 'way/.wh..wh..opq', text: '' },
    ],
  ],
  ['a whiteout of the directory above', [{ name: '.wh...', text: '' }]],
  ['a whiteout of the directory itself', [{ name: 'a/.wh..', text: '' }]],
  ['a whiteout of nothing', [{ name: '.wh.', text: '' }]],
])('%s is refused', async (_name, entries) => {
  await expect(unpackLayer(layer(entries), root)).rejects.toMatchObject({ reason: 'Invalid' });
  expect(await readFile(join(directory, 'outside'), 'utf8')).toBe('untouched');
  expect((await readdir(directory)).sort()).toEqual(['outside', 'root']);
});

test('a file replaces a link of its name, and is not written through it', async () => {
  for (const size of [1, 5 << 20]) {
    await unpackLayer(
      layer([
        { name: 'file', type: 'symlink', linkname: '../outside' },
        { name: 'file', text: 'x'.repeat(size) },
      ]),
      root,
    );
    expect((await lstat(join(root, 'file'))).size).toBe(size);
    expect(await readFile(join(directory, 'outside'), 'utf8')).toBe('untouched');
  }
});

test.each(['a/..', './.', 'a/../'])('"%s" is the root, which is there', async (name) => {
  for (const type of ['file', 'directory', 'symlink'] as const)
    await unpackLayer(layer([{ name, type, ...(type === 'symlink' ? { linkname: '..' } : {}) }]), root);
  expect(await readdir(root)).toEqual([]);
});

test('names that begin at the root, and devices, stay inside or are left out', async () => {
  await unpackLayer(
    layer([
      { name: '/etc/x', text: 'inside' },
      { name: 'dev', type: 'character-device' },
    ]),
    root,
  );
  expect(await readFile(join(root, 'etc/x'), 'utf8')).toBe('inside');
  expect(await readdir(root)).toEqual(['etc']);
});

test('more than the limits is refused', async () => {
  const entries = [1, 2, 3].map((number) => ({ name: `f${number}`, text: 'x'.repeat(100) }));
  for (const limits of [
    { size: 250, entries: 10 },
    { size: 1000, entries: 2 },
  ])
    await expect(unpackLayer(layer(entries), root, limits)).rejects.toMatchObject({ reason: 'TooLarge' });
});
