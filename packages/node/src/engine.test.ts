import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@tagboat/base';
import { runChecked } from '@tagboat/process';
import { DockerEngine, enginePrograms } from '@tagboat/process/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlGroups } from './control-groups.ts';
import { driverContract } from './driver-contract.testing.ts';
import { EngineDriver } from './engine-driver.ts';
import { makeHostImage } from './host-image.ts';
import { hostTools } from './host-tools.ts';
import { imageRoot } from './image-root.testing.ts';

const programs = await enginePrograms();
const started = typeof programs === 'string' ? programs : await DockerEngine.start(programs);
const why = typeof started === 'string' ? started : undefined;

describe.skipIf(why !== undefined)(`the driver container${why ? ` (skipped: ${why})` : ''}`, () => {
  let directory: string;
  const engine = started as DockerEngine;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-engine-test-'));
    const root = await imageRoot(join(directory, 'image'));
    await runChecked(
      '/bin/sh',
      [
        '-c',
        `tar -C "$1" -c . | docker import --change 'ENV FROM=image' --change 'USER 1234' - test/image:1`,
        'sh',
        root,
      ],
      { env: engine.environment },
    );
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

  it('runs Tagboat’s own steps with the host’s programs, which they cannot change', {
    timeout: 60_000,
  }, async () => {
    const tools = hostTools({
      tagboat: ['/bin/echo', 'tagboat'],
      directories: [],
      python: async () => undefined,
    });
    const driver = await EngineDriver.connect({
      socket: engine.socket,
      owner: 'test',
      log: silentLogger,
      hostImage: () => makeHostImage(tools, join(directory, 'host')),
    });
    const image = await driver.image({ reference: 'registry.example/x/tagboat:1', pullPolicy: undefined });
    const path = image.config?.Env?.find((line) => line.startsWith('PATH='))?.slice(5) ?? '';
    let text = '';
    const running = await driver.start(
      {
        podUid: 'own',
        directory,
        hostname: 'h',
        image,
        command: [
          '/bin/sh',
          '-c',
          'tagboat says hello; git --version; touch /usr/x 2>/dev/null || echo read-only; ls /home /root /etc/shadow 2>&1 | grep -c .',
        ],
        environment: { PATH: path },
        workingDir: '/',
        mounts: [],
      },
      (_, data) => {
        text += Buffer.from(data).toString('utf8');
      },
    );
    expect(await running.exited).toMatchObject({ exitCode: 0 });
    expect(text).toMatch(/^tagboat says hello\ngit version .*\nread-only\n/);
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
