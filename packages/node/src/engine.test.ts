import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@tagboat/base';
import { DockerEngine, imageRoot, PodmanEngine, type TestEngine } from '@tagboat/process/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlGroups } from './control-groups.ts';
import { driverContract } from './driver-contract.testing.ts';
import { EngineDriver } from './engine-driver.ts';
import { makeHostImage } from './host-image.ts';
import { hostTools } from './host-tools.ts';

const engines = [
  { name: 'docker', started: await DockerEngine.start() },
  { name: 'podman', started: await PodmanEngine.start() },
];

for (const { name, started } of engines) {
  const why = typeof started === 'string' ? started : undefined;
  describe.skipIf(why !== undefined)(`the driver container${why ? ` (skipped: ${why})` : ''}`, () => {
    engineSuite(name, started as TestEngine);
  });
}

function engineSuite(name: string, engine: TestEngine): void {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-engine-test-'));
    const root = await imageRoot(join(directory, 'image'));
    await engine.importImage(root, 'test/image:1', ['ENV FROM=image', 'USER 1234']);
  }, 120_000);
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  const connect = () => EngineDriver.connect({ socket: engine.socket, owner: 'test', log: silentLogger });

  driverContract(`container with ${name}`, async () => {
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

  it('tells why a program cannot be started, and leaves no container', { timeout: 60_000 }, async () => {
    const driver = await connect();
    const image = await driver.image({ reference: 'test/image:1', pullPolicy: undefined });
    const running = await driver.start(
      {
        podUid: 'none',
        directory,
        hostname: 'h',
        image,
        command: ['/no/such/program'],
        environment: {},
        workingDir: '/',
        mounts: [],
      },
      () => undefined,
    );
    expect(await running.exited).toMatchObject({
      exitCode: 127,
      startError: expect.stringContaining('/no/such/program'),
    });
    const { default: Docker } = await import('dockerode');
    const filters = { label: ['dev.tagboat.pod=none'] };
    expect(await new Docker({ socketPath: engine.socket }).listContainers({ all: true, filters })).toEqual(
      [],
    );
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
}
