import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds, type Pod } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostTools, type Node, startNode } from './index.ts';
import { NodeLayout } from './layout.ts';
import { ContainerLogs } from './logs.ts';
import { SecretMask } from './secret-mask.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tagboat-access-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function textOf(pieces: AsyncIterable<string | Uint8Array>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += Buffer.from(piece as Uint8Array).toString();
  return text;
}

describe('ContainerLogs', () => {
  const key = { namespace: 'n', pod: 'p', container: 'c' };
  const write = async (logs: ContainerLogs, ...lines: string[]) => {
    const writer = await logs.open(key, new SecretMask([]));
    for (const line of lines) writer.write('stdout', `${line}\n`);
    return writer;
  };

  it('keeps the log of the life before', async () => {
    const logs = new ContainerLogs(new NodeLayout(home), systemClock);
    await (await write(logs, 'first')).close();
    await (await write(logs, 'second')).close();
    expect(await textOf(logs.read(key))).toBe('second\n');
    expect(await textOf(logs.read({ ...key, previous: true }))).toBe('first\n');
  });

  it('gives the last lines, those since a time, and so many bytes, over a rotated file too', async () => {
    const logs = new ContainerLogs(new NodeLayout(home), systemClock, 1000);
    const writer = await logs.open(key, new SecretMask([]));
    for (let index = 0; index < 40; index++) {
      const { version } = writer;
      writer.write('stdout', `line ${index}\n`);
      await writer.changed(version, new AbortController().signal);
    }
    await writer.close();
    expect(writer.rotations).toBeGreaterThan(0);
    expect(await textOf(logs.read({ ...key, tailLines: 3 }))).toBe('line 37\nline 38\nline 39\n');
    expect((await textOf(logs.read({ ...key, tailLines: 15 }))).split('\n')).toHaveLength(16);
    expect(await textOf(logs.read({ ...key, tailLines: 0 }))).toBe('');
    expect(await textOf(logs.read({ ...key, tailLines: 3, limitBytes: 9 }))).toBe('line 37\nl');
    expect(await textOf(logs.read({ ...key, sinceTime: '2999-01-01T00:00:00Z' }))).toBe('');
  });

  it('follows what is written until the end', async () => {
    const logs = new ContainerLogs(new NodeLayout(home), systemClock, 200);
    const writer = await write(logs, 'a');
    const followed = textOf(logs.read({ ...key, follow: true }));
    for (let index = 0; index < 20; index++) {
      const { version } = writer;
      writer.write('stdout', `line ${index}\n`);
      await writer.changed(version, new AbortController().signal);
    }
    await writer.close();
    expect(await followed).toMatch(/^a\nline 0\n/);
    expect(await followed).toMatch(/line 19\n$/);
  });
});

describe.each([['process'], [undefined]] as const)('access to pods of the driver %s', (driver) => {
  let store: ObjectStore;
  let node: Node;
  beforeEach(async () => {
    store = new ObjectStore({});
    node = await startNode({
      store,
      clock: systemClock,
      log: silentLogger,
      home,
      images: () => Promise.reject(new Error('no images here')),
      tokenFor: () => 'the-token',
      environment: {},
      tools: hostTools({ tagboat: ['/bin/echo'], directories: [], python: async () => undefined }),
      ...(driver ? { driver } : {}),
    });
  });
  afterEach(async () => {
    await node[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  });

  async function running(
    script: string,
    more: object = {},
  ): Promise<{ namespace: string; pod: string; container: string }> {
    const from = (await store.list(kinds.Pod)).resourceVersion;
    await store.create<Pod>({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'n' },
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'c',
            image: 'bash',
            command: ['sh', '-c', script],
            env: [{ name: 'WHO', value: 'me' }],
            ...more,
          },
        ],
      },
    });
    for await (const { object } of store.watch<Pod>(kinds.Pod, {}, { from }))
      if (object.status?.containerStatuses?.[0]?.state?.running) break;
    return { namespace: 'n', pod: 'p', container: 'c' };
  }

  it('runs commands beside the container, with input, exit code and its environment', async () => {
    const key = await running('echo ready > /tmp/ready; trap exit TERM; sleep 600 & wait');
    await using session = await node.access.exec({
      ...key,
      command: ['sh', '-c', 'read line; echo "$line of $WHO"; echo wrong >&2; exit 3'],
      stdin: true,
      tty: false,
    });
    await session.write(Buffer.from('hello\n'));
    session.endInput();
    const [out, err] = await Promise.all([textOf(session.stdout), textOf(session.stderr)]);
    expect([out, err, await session.exitCode]).toEqual(['hello of me\n', 'wrong\n', 3]);
    if (!driver) {
      await using inside = await node.access.exec({
        ...key,
        command: ['sh', '-c', 'echo $(cat /proc/1/comm) $(cat /proc/self/status | grep CapBnd)'],
        stdin: false,
        tty: false,
      });
      expect(await textOf(inside.stdout)).toBe('sh CapBnd: 00000000000004fb\n');
    }
  });

  it('gives a terminal of the size asked for', async () => {
    const key = await running('trap exit TERM; sleep 600 & wait');
    await using session = await node.access.exec({ ...key, command: ['sh'], stdin: true, tty: true });
    session.resize({ columns: 123, rows: 45 });
    await session.write(Buffer.from('stty size; test -t 1 && exit 5\n'));
    expect(await textOf(session.stdout)).toContain('45 123');
    expect(await session.exitCode).toBe(5);
  });

  it('attaches to standard input and output', async () => {
    const key = await running('read line; echo "got $line"; exit 4', { stdin: true, stdinOnce: true });
    await using session = await node.access.attach({ ...key, stdin: true, tty: false });
    await session.write(Buffer.from('this\n'));
    expect(await textOf(session.stdout)).toBe('got this\n');
    expect(await session.exitCode).toBe(4);
    expect(await textOf(node.access.logs({ ...key, follow: true }))).toBe('got this\n');
    await expect(
      node.access.exec({ ...key, command: ['true'], stdin: false, tty: false }),
    ).rejects.toMatchObject({
      reason: 'BadRequest',
    });
  });

  it('ends a session and its process when it is disposed', async () => {
    const key = await running('trap exit TERM; sleep 600 & wait');
    const session = await node.access.exec({ ...key, command: ['sleep', '600'], stdin: false, tty: false });
    await session[Symbol.asyncDispose]();
    expect(await session.exitCode).toBe(137);
  });

  it('connects to a port of the pod, and to no other', async () => {
    const script = `exec python3 -c "
import socket
s = socket.create_server(('127.0.0.1', 0))
print(s.getsockname()[1], flush=True)
c, _ = s.accept()
c.sendall(b'hello ' + c.recv(100))
"`;
    const key = await running(script);
    let port = 0;
    for await (const text of node.access.logs({ ...key, follow: true })) {
      port = Number(text);
      break;
    }
    await using connection = await node.access.connect({ namespace: 'n', name: 'p', port });
    await connection.write(Buffer.from('you'));
    expect(await textOf(connection.output)).toBe('hello you');
    await expect(node.access.connect({ namespace: 'n', name: 'p', port: 1 })).rejects.toMatchObject({
      reason: 'BadRequest',
    });
    await expect(node.access.connect({ namespace: 'n', name: 'x', port })).rejects.toMatchObject({
      reason: 'NotFound',
    });
  });
});
