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
