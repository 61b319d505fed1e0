import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { unpackLayer } from '@tagboat/oci';
import { compileBytecode, modulesIn } from '@tagboat/python';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeInterpreter } from './host-python.ts';
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
  const library = join(root, 'lib');
  await compileBytecode({ python: 'python3', modules: await modulesIn(library), output: library });
  // What Python itself compiled since, with the time of the module in it.
  await writeFile(join(packages, '../__pycache__/other.cpython-311.pyc'), Buffer.alloc(16));
  await writeFile(join(root, 'bin/thing'), `#!${root}/bin/python\n`);
  return root;
}

it('makes the same environment layer from two places, with the bytecode that was made with the environment', async () => {
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
  const bytecode = await readdir(join(dirname(record), '../__pycache__'));
  expect(bytecode).toEqual([expect.stringMatching(/^thing\.cpython-\d+\.pyc$/)]);
});

it('asks an interpreter about itself once, and again when its file is another', async () => {
  const program = join(directory, 'interpreter');
  const cache = join(directory, 'facts');
  const write = (version: string) =>
    writeFile(program, `#!/bin/sh\necho asked >> ${program}.log\necho '{"version":"${version}"}'\n`, {
      mode: 0o755,
    });
  await write('3.11');
  expect((await describeInterpreter(program, cache)).version).toBe('3.11');
  expect((await describeInterpreter(program, cache)).version).toBe('3.11');
  expect(await readFile(`${program}.log`, 'utf8')).toBe('asked\n');
  await rm(program);
  await write('3.12.1');
  expect((await describeInterpreter(program, cache)).version).toBe('3.12.1');
});

const root = process.getuid?.() === 0 && process.platform === 'linux';
it.skipIf(!root)('captures a Python that runs in a root of its own (needs root for chroot)', async () => {
  const base = await captureHostPython('python3', join(directory, 'cache'));
  const rootfs = join(directory, 'rootfs');
  await mkdir(rootfs);
  for (const layer of base.layers) await unpackLayer(createReadStream(layer.path), rootfs);
  const program =
    'import json, ssl, sqlite3, hashlib, asyncio, ctypes, os; print(sqlite3.sqlite_version_info[0], os.path.exists(asyncio.__cached__))';
  const output = execFileSync('chroot', ['--userspec=1234:0', rootfs, base.python, '-c', program], {
    env: { ...base.environment, PATH: '/usr/sbin:/usr/local/bin' },
  });
  expect(output.toString().trim()).toBe('3 True');
  expect((await captureHostPython('python3', join(directory, 'again'))).layers[0]?.descriptor).toEqual(
    base.layers[0]?.descriptor,
  );
});
