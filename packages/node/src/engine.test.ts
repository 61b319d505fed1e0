import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@tagboat/base';
import { runChecked, runCommand, tiedToParent } from '@tagboat/process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlGroups } from './control-groups.ts';
import { driverContract } from './driver-contract.testing.ts';
import { EngineDriver } from './engine-driver.ts';
import { imageRoot } from './image-root.testing.ts';

const daemon = ['/usr/sbin/dockerd', '/usr/bin/dockerd', '/usr/local/bin/dockerd'].find((path) =>
  existsSync(path),
);
const able = process.getuid?.() === 0 && daemon !== undefined;
const why = 'the driver container (skipped: it needs root and a dockerd, such as Debian’s docker.io)';

/** An engine of the tests' own: nothing of it is seen by one that the host may run. */
async function startEngine(directory: string): Promise<AsyncDisposable & { socket: string }> {
  const socket = join(directory, 'docker.sock');
  const [file, args] = tiedToParent(daemon!, [
    '--data-root',
    join(directory, 'data'),
    '--exec-root',
    join(directory, 'exec'),
    '--pidfile',
    join(directory, 'pid'),
    '--host',
    `unix://${socket}`,
    '--bridge',
    'none',
    '--iptables=false',
    '--storage-driver',
    'vfs',
  ]);
  const child = spawn(file, args, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  let over = false;
  void ended.then(() => {
    over = true;
  });
  for (;;) {
    if (over) throw new Error('dockerd ended at its start');
    const { code } = await runCommand('docker', ['--host', `unix://${socket}`, 'version']);
    if (code === 0) break;
  }
  return {
    socket,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      // The daemon leaves the network namespace that it made for the host's own network.
      await runCommand('umount', [join(directory, 'exec/netns/default')]);
    },
  };
}

describe.skipIf(!able)(why, () => {
  let directory: string;
  let engine: Awaited<ReturnType<typeof startEngine>>;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-engine-'));
    engine = await startEngine(directory);
    const root = await imageRoot(join(directory, 'image'));
    await runChecked('/bin/sh', [
      '-c',
      `tar -C "$1" -c . | docker --host "unix://$2" import --change 'ENV FROM=image' --change 'USER 1234' - test/image:1`,
      'sh',
      root,
      engine.socket,
    ]);
  }, 120_000);
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  const connect = () => EngineDriver.connect({ socket: engine.socket, owner: 'test', log: silentLogger });

  driverContract('container', async () => {
    const driver = await connect();
    const image = await driver.image({ reference: 'test/image:1', pullPolicy: 'IfNotPresent' });
    return {
      driver,
      image: { ...image, config: {} } as typeof image,
      groups: await ControlGroups.detect('tagboat-unused'),
      async [Symbol.asyncDispose]() {},
    };
  });

  it('knows what an image asks for, and says what it cannot have', async () => {
    const driver = await connect();
    const image = await driver.image({ reference: 'test/image:1', pullPolicy: undefined });
    expect(image).toMatchObject({
      kind: 'engine',
      config: { User: '1234', Env: expect.arrayContaining(['FROM=image']) },
    });
    await expect(
      driver.image({ reference: '127.0.0.1:1/no/image:1', pullPolicy: undefined }),
    ).rejects.toMatchObject({ reason: 'ImagePullFailed' });
    await expect(
      EngineDriver.connect({ socket: join(directory, 'none.sock'), owner: 'test', log: silentLogger }),
    ).rejects.toMatchObject({ reason: 'EngineUnavailable' });
  });
});
