import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileGuard } from './file-guard.ts';
import { hostTools } from './host-tools.ts';
import { ProcessDriver } from './process-driver.ts';

const tools = hostTools({ tagboat: ['/bin/echo'], directories: [], python: async () => undefined });

/** A state directory where no other program has business: not below /tmp. */
async function stateDirectory() {
  const home = await mkdtemp(join(homedir(), '.tagboat-guard-'));
  const own = join(home, 'volumes', 'pod');
  await mkdir(join(home, 'config'), { recursive: true });
  await mkdir(own, { recursive: true });
  await writeFile(join(home, 'config', 'token'), 'secret', { mode: 0o600 });
  return {
    home,
    own,
    guard: await FileGuard.make(tools, home, join(home, 'volumes')),
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
}

async function run(driver: ProcessDriver, own: string, script: string): Promise<string> {
  let text = '';
  const running = await driver.start(
    {
      podUid: 'guarded',
      directory: join(own, 'container'),
      hostname: 'box',
      image: { kind: 'host', name: 'bash' },
      command: ['/bin/sh', '-c', script],
      environment: {},
      workingDir: '/work',
      mounts: [{ hostPath: join(own, 'work'), mountPath: '/work', readOnly: false }],
    },
    (_, data) => {
      text += Buffer.from(data).toString('utf8');
    },
  );
  const { exitCode } = await running.exited;
  return `${text}${exitCode}`;
}

const first = await stateDirectory();
const problem = typeof first.guard === 'string' ? first.guard : undefined;
await first[Symbol.asyncDispose]();

describe.skipIf(problem)(
  `plain processes and the owner's token${problem ? ` (skipped: ${problem})` : ''}`,
  () => {
    it('do not read it, whatever they try', async () => {
      await using state = await stateDirectory();
      const driver = new ProcessDriver(tools, state.guard as FileGuard);
      await mkdir(join(state.own, 'container'), { recursive: true });
      await mkdir(join(state.own, 'work'), { recursive: true });
      const token = join(state.home, 'config', 'token');
      for (const script of [
        `cat ${token}`,
        `ln -s ${token} link && cat link`,
        `ln ${token} hard && cat hard`,
        `mv ${state.home}/config . && cat config/token`,
        `mv ${state.home}/config ${state.home}/volumes/other && cat ${state.home}/volumes/other/token`,
        `cat /proc/${process.pid}/environ > /dev/null`,
        `cat /proc/${process.pid}/root${token}`,
        `echo mine > ${token}`,
        `rm -f ${token} && test ! -e ${token}`,
      ]) {
        const said = await run(driver, state.own, script);
        expect(said, script).not.toMatch(/secret|[^0-9]0$/);
      }
      expect(await readFile(token, 'utf8')).toBe('secret');
    });

    it('work with their own files as ever', async () => {
      await using state = await stateDirectory();
      const driver = new ProcessDriver(tools, state.guard as FileGuard);
      await mkdir(join(state.own, 'container'), { recursive: true });
      await mkdir(join(state.own, 'work'), { recursive: true });
      const script =
        'echo a > one && mkdir d && mv one d/two && cat d/two && echo b > $TMPDIR/x && cp $TMPDIR/x /tmp/tagboat-guarded && rm /tmp/tagboat-guarded && git --version > /dev/null && kill -0 $$';
      expect(await run(driver, state.own, script)).toBe('a\n0');
    });
  },
);

it('is not there where the state directory lies open, and says so', async () => {
  const home = await mkdtemp(join(tmpdir(), 'tagboat-open-'));
  try {
    expect(await FileGuard.make(tools, home, home)).toMatch(/lies below \/tmp|only on Linux/);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
