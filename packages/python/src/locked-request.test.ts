import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockRequest } from './locked-request.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-locked-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const lock = `joblib==1.4.2 \\\n    --hash=sha256:${'0'.repeat(64)}\n`;

/** Nothing can be resolved here: the index is an empty directory, and installers cannot be fetched. */
async function request(requirements: string, extra: readonly string[] = []) {
  await mkdir(join(directory, 'project'), { recursive: true });
  await writeFile(join(directory, 'project', 'requirements.txt'), requirements);
  return {
    requirements: { directory: join(directory, 'project'), file: 'requirements.txt' },
    cacheDirectory: join(directory, 'cache'),
    extra,
    env: {
      PATH: process.env.PATH,
      UV_INDEX_URL: 'http://127.0.0.1:9/',
      PIP_INDEX_URL: 'http://127.0.0.1:9/',
    },
  };
}

test('nothing asked for is the empty lock, and has a digest', async () => {
  const empty = await lockRequest(await request(''));
  expect(empty).toMatchObject({ lock: '', pinned: false });
  const commented = await lockRequest({ ...(await request('# still nothing\n')), pinned: empty });
  expect(commented).toMatchObject({ lock: '', pinned: true, requires: empty.requires });
});

test('a pinned lock answers the request that it was made for, without a network', async () => {
  const asked = await request('joblib>=1.3\n');
  const wrong = { requires: `sha256:${'1'.repeat(64)}` as const, lock };
  const first = await lockRequest({ ...asked, pinned: wrong as never }).catch((error: Error) => error);
  expect(first).toBeInstanceOf(Error);
  const other = await lockRequest(await request('')).then(({ requires }) => requires);
  const said: string[] = [];
  await lockRequest({
    ...(await request('joblib>=1.3\n')),
    pinned: { requires: other, lock },
    onProgress: ({ message }) => said.push(message),
  }).catch(() => undefined);
  expect(said.join('\n')).toMatch(/resolved anew/);
});

test('a lock that is more than exact versions is refused', async () => {
  const { requires } = await lockRequest(await request(''));
  for (const text of ['--index-url http://evil.example/\n', '-r /etc/passwd\n', 'joblib>=1\n', './here\n'])
    await expect(lockRequest({ ...(await request('')), pinned: { requires, lock: text } })).rejects.toThrow(
      /exact version/,
    );
  const exact = await lockRequest({ ...(await request('')), pinned: { requires, lock } });
  expect(exact.lock).toBe(lock);
});
