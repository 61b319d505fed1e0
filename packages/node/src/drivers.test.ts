import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageRoot } from '@tagboat/process/testing';
import { afterAll, describe, it } from 'vitest';
import { ControlGroups } from './control-groups.ts';
import { driverContract } from './driver-contract.testing.ts';
import { FileGuard } from './file-guard.ts';
import { hostTools } from './host-tools.ts';
import { ProcessDriver } from './process-driver.ts';
import { probeSandbox, SandboxDriver } from './sandbox-driver.ts';

const tools = hostTools({ tagboat: ['/bin/echo'], directories: [], python: async () => undefined });
const host = { kind: 'host', name: 'host' } as const;

async function surroundings() {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-drivers-'));
  const groups = await ControlGroups.detect(`tagboat-drivers-${process.pid}`);
  return {
    directory,
    groups,
    async [Symbol.asyncDispose]() {
      await groups[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

driverContract('process', async () => ({
  ...(await surroundings()),
  driver: new ProcessDriver(tools),
  image: host,
}));

const forGuard = await mkdtemp(join(tmpdir(), 'tagboat-guard-'));
afterAll(() => rm(forGuard, { recursive: true, force: true }));
const guard = await FileGuard.make(tools, homedir(), forGuard);
if (typeof guard === 'string')
  describe('the driver process, guarded', () => it.skip(`is not there: ${guard}`));
else
  driverContract('process, guarded', async () => ({
    ...(await surroundings()),
    driver: new ProcessDriver(tools, guard),
    image: host,
  }));

const probe = await mkdtemp(join(tmpdir(), 'tagboat-drivers-'));
const problem = await probeSandbox(tools, probe);
if (problem) describe('the driver sandbox', () => it.skip(`is not there: ${problem}`));
else {
  driverContract('sandbox', async () => {
    const around = await surroundings();
    return { ...around, driver: new SandboxDriver({ tools, directory: around.directory }), image: host };
  });
  driverContract('sandbox, with an image', async () => {
    const around = await surroundings();
    const directory = await imageRoot(join(around.directory, 'image'));
    const image = { kind: 'rootfs', digest: 'sha256:1', directory, config: {} } as const;
    return { ...around, driver: new SandboxDriver({ tools, directory: around.directory }), image };
  });
}
await rm(probe, { recursive: true, force: true });
