import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hostTools } from './host-tools.ts';
import { withoutKillNotice } from './kill-notice.ts';
import { probeSandbox, SandboxDriver } from './sandbox-driver.ts';

const tools = hostTools({ tagboat: ['/bin/echo'], directories: [], python: async () => undefined });
const problem = await probeSandbox(tools, await mkdtemp(join(tmpdir(), 'tagboat-killed-')));

test.skipIf(problem)('a sandbox whose first process is killed has its words and 137', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-killed-'));
  try {
    const text = { stdout: '', stderr: '' };
    const up = Promise.withResolvers<void>();
    const running = await new SandboxDriver({ tools, directory }).start(
      {
        podUid: 'killed',
        directory: join(directory, 'container'),
        hostname: 'killed',
        image: { kind: 'host', name: 'host' },
        command: ['/bin/sh', '-c', 'echo before the end >&2; echo up; exec sleep 300'],
        environment: {},
        workingDir: '/tmp',
        mounts: [],
      },
      (stream, data) => {
        text[stream] += Buffer.from(data).toString('utf8');
        if (text.stdout.includes('up')) up.resolve();
      },
    );
    await up.promise;
    const children = await readFile(`/proc/${running.pid}/task/${running.pid}/children`, 'utf8');
    process.kill(Number(children.trim().split(' ')[0]), 'SIGKILL');
    expect((await running.exited).exitCode).toBe(137);
    expect(text.stderr).toBe('before the end\n');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('the words may come in pieces; output and exits of others stay as they are', async () => {
  const written: string[] = [];
  const take = (_: string, data: Uint8Array) => void written.push(Buffer.from(data).toString('utf8'));
  const { output, end } = withoutKillNotice(take);
  for (const piece of ['é\n', 'last\nunshare: ', 'sigprocmask unblock failed', ': Invalid argument\n'])
    output('stderr', Buffer.from(piece));
  expect(written).toEqual(['é\n', 'last\n']);
  expect(await end({ exitCode: 1 })).toEqual({ exitCode: 137 });
  expect(await end({ exitCode: 3 })).toEqual({ exitCode: 3 });

  written.length = 0;
  const other = withoutKillNotice(take);
  other.output('stdout', Buffer.from('unshare: is a command'));
  expect(await other.end({ exitCode: 1 })).toEqual({ exitCode: 1 });
  expect(written).toEqual(['unshare: is a command']);
});
