import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlGroups } from '../../packages/node/src/control-groups.ts';
import type { ContainerDriver } from '../../packages/node/src/driver.ts';
import { hostTools } from '../../packages/node/src/host-tools.ts';
import type { ResolvedImage } from '../../packages/node/src/images.ts';
import { ProcessDriver } from '../../packages/node/src/process-driver.ts';
import { probeSandbox, SandboxDriver } from '../../packages/node/src/sandbox-driver.ts';
import { imageRoot } from '../../packages/process/src/testing/image-root.ts';

const count = Number(process.argv[2] ?? 100);
const directory = await mkdtemp(join(tmpdir(), 'tagboat-bench-node-'));
const tools = hostTools({ tagboat: ['/bin/echo'], directories: [], python: async () => undefined });
const groups = await ControlGroups.detect(`tagboat-bench-${process.pid}`);
const host: ResolvedImage = { kind: 'host', name: 'host' };
let made = 0;

async function bare(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, [...args], { stdio: 'ignore' });
  await once(child, 'exit');
}

async function started(driver: ContainerDriver, image: ResolvedImage): Promise<void> {
  const own = join(directory, `c${made++}`);
  await mkdir(own, { recursive: true });
  const group = await groups.create(`bench/${made}`, { processes: 4096 });
  const running = await driver.start(
    {
      podUid: 'bench',
      directory: own,
      hostname: 'bench',
      image,
      command: ['/bin/sh', '-c', ':'],
      environment: {},
      workingDir: '/',
      mounts: [{ hostPath: directory, mountPath: '/workspace', readOnly: false }],
      group,
    },
    () => undefined,
  );
  const { exitCode } = await running.exited;
  if (exitCode !== 0) throw new Error(`a start of ${driver.name} ended with code ${exitCode}`);
  await group.remove();
}

async function measure(run: () => Promise<void>): Promise<{ median: number; late: number }> {
  for (let index = 0; index < 5; index++) await run();
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const begin = performance.now();
    await run();
    times.push(performance.now() - begin);
  }
  times.sort((a, b) => a - b);
  return { median: times[Math.floor(count / 2)]!, late: times[Math.floor(count * 0.95)]! };
}

const cases: [string, () => Promise<void>][] = [
  ['sh -c :', () => bare('/bin/sh', ['-c', ':'])],
  [
    'unshare, one tmpfs',
    () =>
      bare('unshare', [
        '--mount',
        '--pid',
        '--ipc',
        '--uts',
        '--fork',
        '/bin/sh',
        '-c',
        'mount -t tmpfs tmpfs /mnt',
      ]),
  ],
  ['process', () => started(new ProcessDriver(tools), host)],
];
const problem = await probeSandbox(tools, join(directory, 'probe'));
if (problem) console.log(`no sandbox here: ${problem}`);
else {
  const sandbox = new SandboxDriver({ tools, directory: join(directory, 'shared') });
  const image: ResolvedImage = {
    kind: 'rootfs',
    digest: 'sha256:1',
    directory: await imageRoot(join(directory, 'image')),
    config: {},
  };
  cases.push(
    ['sandbox, host tools', () => started(sandbox, host)],
    ['sandbox, image', () => started(sandbox, image)],
  );
}
let floor = 0;
for (const [name, run] of cases) {
  const { median, late } = await measure(run);
  floor ||= median;
  console.log(
    `${name.padEnd(22)} median ${median.toFixed(1).padStart(6)} ms   95% ${late.toFixed(1).padStart(6)} ms   ${(median / floor).toFixed(1)} x sh`,
  );
}
await groups[Symbol.asyncDispose]();
await rm(directory, { recursive: true, force: true });
