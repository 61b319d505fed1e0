import { link, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { collectUnpacked } from './collect-unpacked.ts';

let home: string;
let cache: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'unpacked-'));
  cache = join(home, 'images');
  await mkdir(join(home, 'trash'));
});
afterEach(() => rm(home, { recursive: true }));

const days = (count: number) => new Date(Date.now() - count * 24 * 3600_000);

async function unpacked(letter: string, age: Date): Promise<string> {
  const name = letter.repeat(64);
  await mkdir(join(cache, name, 'rootfs'), { recursive: true });
  await writeFile(join(cache, name, 'complete'), '');
  await utimes(join(cache, name, 'complete'), age, age);
  return name;
}

it('removes images and layers that nothing was started in, and leaves their files to others', async () => {
  const running = await unpacked('a', days(60));
  const recent = await unpacked('b', days(1));
  await unpacked('c', days(60));
  for (const half of ['d', 'e']) await mkdir(join(cache, `.${half.repeat(64)}.uuid`));
  await utimes(join(cache, `.${'d'.repeat(64)}.uuid`), days(60), days(60));
  await mkdir(join(cache, 'layers', 'f'), { recursive: true });
  await writeFile(join(cache, 'layers', 'f', 'file'), 'shared');
  await link(join(cache, 'layers', 'f', 'file'), join(cache, running, 'rootfs', 'file'));
  await utimes(join(cache, 'layers', 'f'), days(60), days(60));
  const options = { inUse: new Set([running]), unusedSince: days(30).getTime(), trash: join(home, 'trash') };
  expect(await collectUnpacked(cache, options)).toMatchObject({ kept: 3, removed: 3 });
  expect((await readdir(cache)).sort()).toEqual([`.${'e'.repeat(64)}.uuid`, running, recent, 'layers']);
  expect(await readdir(join(cache, running, 'rootfs'))).toEqual(['file']);
  expect(await readdir(join(cache, 'layers'))).toEqual([]);
});

it('finds nothing where no image was ever unpacked', async () => {
  const options = { inUse: new Set<string>(), unusedSince: 0, trash: join(home, 'trash') };
  expect(await collectUnpacked(cache, options)).toEqual({ kept: 0, removed: 0, bytes: 0 });
});
