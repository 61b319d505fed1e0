import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unpackLayer } from '@tagboat/oci';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { captureHostPython, environmentLayer } from './index.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-builder-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function fakeEnvironment(name: string): Promise<string> {
  const root = join(directory, name);
  const packages = join(root, 'lib/python3.11/site-packages/thing-1.dist-info');
  await mkdir(packages, { recursive: true });
  await mkdir(join(root, 'bin'), { recursive: true });
  await writeFile(
    join(packages, 'RECORD'),
    `thing.py,sha256=x,1\n../../../bin/thing,sha256=${name},9\n__pycache__/thing.pyc,,\n`,
  );
  await writeFile(join(packages, 'INSTALLER'), name);
  await writeFile(join(packages, '../thing.py'), 'x = 1\n');
  await writeFile(join(root, 'bin/thing'), `#!${root}/bin/python\n`);
  return root;
}

it('makes the same environment layer from two places', async () => {
  const layer = async (name: string) =>
    environmentLayer({
      directory: await fakeEnvironment(name),
      key: 'k',
      version: '3.11',
      python: '/usr/local/bin/python3.11',
      cacheDirectory: join(directory, `cache-${name}`),
    });
  const [one, two] = [await layer('one'), await layer('two')];
  expect(one.descriptor).toEqual(two.descriptor);
  await unpackLayer(createReadStream(one.path), join(directory, 'out'));
  const record = join(
    directory,
    'out/opt/tagboat/environment/lib/python3.11/site-packages/thing-1.dist-info/RECORD',
  );
  expect(await readFile(record, 'utf8')).toBe('thing.py,sha256=x,1\n');
});

const root = process.getuid?.() === 0 && process.platform === 'linux';
it.skipIf(!root)('captures a Python that runs in a root of its own (needs root for chroot)', async () => {
  const base = await captureHostPython('python3', join(directory, 'cache'));
  const rootfs = join(directory, 'rootfs');
  await mkdir(rootfs);
  for (const layer of base.layers) await unpackLayer(createReadStream(layer.path), rootfs);
  const program =
    'import json, ssl, sqlite3, hashlib, asyncio, ctypes; print(json.dumps(sqlite3.sqlite_version_info[0]))';
  const output = execFileSync('chroot', ['--userspec=1234:0', rootfs, base.python, '-c', program], {
    env: { ...base.environment, PATH: '/usr/sbin:/usr/local/bin' },
  });
  expect(output.toString().trim()).toBe('3');
  expect((await captureHostPython('python3', join(directory, 'again'))).layers[0]?.descriptor).toEqual(
    base.layers[0]?.descriptor,
  );
});
