import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ControlGroups } from './control-groups.ts';
import type { ContainerDriver, ContainerExit, ContainerRequest, RunningContainer } from './driver.ts';
import type { ResolvedImage } from './images.ts';
import { debugEntrypoint, debugScripts, placeScripts } from './step-debug-files.ts';

export interface DriverUnderTest {
  readonly driver: ContainerDriver;
  /** An image with a shell and the usual programs. */
  readonly image: ResolvedImage;
  readonly groups: ControlGroups;
}

interface Run {
  readonly running: RunningContainer;
  readonly exit: Promise<ContainerExit>;
  readonly text: { stdout: string; stderr: string };
}

/** What every driver must do. `make` is called once. */
export function driverContract(name: string, make: () => Promise<DriverUnderTest & AsyncDisposable>): void {
  describe(`the driver ${name}`, () => {
    let tested: DriverUnderTest & AsyncDisposable;
    let directory: string;
    let count = 0;
    const groups: (() => Promise<void>)[] = [];
    beforeAll(async () => {
      tested = await make();
    }, 60_000);
    afterAll(() => tested[Symbol.asyncDispose](), 60_000);
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'tagboat-driver-'));
      // An image's own user may be any.
      await chmod(directory, 0o777);
    });
    afterEach(async () => {
      for (const clean of groups.splice(0)) await clean();
      await rm(directory, { recursive: true, force: true });
    });

    async function start(command: readonly string[], more: Partial<ContainerRequest> = {}): Promise<Run> {
      const own = join(directory, `c${count++}`);
      await mkdir(own, { recursive: true });
      const limits = { processes: 100, ...more.limits };
      const group = tested.driver.appliesLimits
        ? undefined
        : tested.groups.create(`test-${process.pid}-${count}/c`, limits);
      const text = { stdout: '', stderr: '' };
      const running = await tested.driver.start(
        {
          podUid: `test-${process.pid}`,
          directory: own,
          hostname: 'box',
          image: tested.image,
          command,
          environment: { GREETING: 'hello' },
          workingDir: '/workspace',
          mounts: [{ hostPath: directory, mountPath: '/workspace', readOnly: false }],
          ...(group ? { group } : {}),
          ...more,
          limits,
        },
        (stream, data) => {
          text[stream] += Buffer.from(data).toString('utf8');
        },
      );
      groups.push(async () => {
        running.stop(0);
        await running.exited;
        await group?.kill();
        await group?.remove();
      });
      return { running, exit: running.exited, text };
    }
    const sh = (script: string, more: Partial<ContainerRequest> = {}) =>
      start(['/bin/sh', '-c', script], more);

    it('runs a command in its directory with its environment, and tells its output and code', async () => {
      const { exit, text } = await sh('echo $GREETING; pwd > place; echo wrong >&2; exit 3');
      expect(await exit).toMatchObject({ exitCode: 3 });
      expect(text).toEqual({ stdout: 'hello\n', stderr: 'wrong\n' });
      const place = (await readFile(join(directory, 'place'), 'utf8')).trim();
      expect(place).toBe(tested.driver.isolatesFiles ? '/workspace' : directory);
    });

    it('tells what a signal ended, and what could not be started', async () => {
      expect(await (await sh("/bin/sh -c 'kill -9 $$'; exit $?")).exit).toMatchObject({ exitCode: 137 });
      const { exitCode } = await (await start(['/no/such/program'])).exit;
      expect([126, 127]).toContain(exitCode);
    });

    it('opens its output by name', async () => {
      const { exit, text } = await sh('echo out > /dev/stdout; echo err > /dev/stderr');
      await exit;
      expect(text).toEqual({ stdout: 'out\n', stderr: 'err\n' });
    });

    it('runs other commands beside it, with input and with a terminal', async () => {
      const { running } = await sh('trap exit TERM; sleep 600 & wait');
      await using session = await running.exec({
        command: ['/bin/sh', '-c', 'read line; echo "$line $GREETING"; exit 4'],
        stdin: true,
        tty: false,
      });
      await session.write(Buffer.from('you\n'));
      session.endInput();
      expect(await textOf(session.stdout)).toBe('you hello\n');
      expect(await session.exitCode).toBe(4);
      await using terminal = await running.exec({ command: ['/bin/sh'], stdin: true, tty: true });
      await terminal.write(Buffer.from('test -t 0 && echo it-is-$((40+2)); exit\n'));
      expect(await textOf(terminal.stdout)).toContain('it-is-42');
    });

    it('waits at a breakpoint until a script that is run beside it ends that, or until it is asked to end', async () => {
      const at = { '/tekton/scripts': 'scripts', '/tekton/debug/scripts': 'debug', '/tekton/run/0': 'run' };
      const mounts = Object.entries(at).map(([mountPath, name]) => ({
        hostPath: join(directory, name),
        mountPath,
        readOnly: name !== 'run',
      }));
      const ready = async () => {
        for (const { hostPath } of mounts) {
          await rm(hostPath, { recursive: true, force: true });
          await mkdir(hostPath);
          await chmod(hostPath, 0o777);
        }
        const breakpoints = { beforeStep: true, onFailure: true } as const;
        const entrypoint = new Map([['entrypoint', debugEntrypoint(0, breakpoints)]]);
        placeScripts(join(directory, 'scripts'), entrypoint);
        placeScripts(join(directory, 'debug'), debugScripts(0, breakpoints));
        return start(['/tekton/scripts/entrypoint', 'sh', '-c', 'echo ran; exit 5'], {
          workingDir: '/tekton/run/0',
          mounts,
        });
      };
      const debug = async ({ running }: Run, name: string) => {
        const command = [`/tekton/debug/scripts/debug-${name}`];
        await using session = await running.exec({ command, stdin: false, tty: false });
        expect(await textOf(session.stdout)).toBe('Executing step 0...\n');
      };
      const first = await ready();
      await debug(first, 'beforestep-continue');
      await said(first, 'ran');
      await debug(first, 'continue');
      expect(await first.exit).toMatchObject({ exitCode: 0 });
      expect(await readFile(join(directory, 'run/out.breakpoint'), 'utf8')).toBe('5\n');
      const second = await ready();
      await debug(second, 'beforestep-fail-continue');
      expect(await second.exit).toMatchObject({ exitCode: 1 });
      expect(second.text.stdout).toBe('');
      const third = await ready();
      await debug(third, 'beforestep-continue');
      while (!existsSync(join(directory, 'run/out.breakpoint'))) await said(third, 'ran');
      third.running.stop(20_000);
      expect((await third.exit).exitCode).toBeGreaterThan(128);
    });

    it('takes input where it has any', async () => {
      const { running, exit, text } = await sh('read line; echo "got $line"', { stdin: true });
      await running.input!.write(Buffer.from('this\n'));
      await exit;
      expect(text.stdout).toBe('got this\n');
    });

    it('asks it to end, and kills what does not', async () => {
      const polite = await sh('trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.01; done');
      await said(polite, 'up');
      polite.running.stop(20_000);
      expect(await polite.exit).toMatchObject({ exitCode: 0 });
      expect(polite.text.stdout).toContain('bye');
      const deaf = await sh('trap "" TERM; echo up; while :; do sleep 0.01; done');
      await said(deaf, 'up');
      // Asked again it has less time, not what it was given first.
      deaf.running.stop(60_000);
      deaf.running.stop(50);
      expect(await deaf.exit).toMatchObject({ exitCode: 137 });
    });

    it('ends daemons with it', async () => {
      const { exit } = await sh(
        '(trap "" HUP TERM; echo begun > /workspace/daemon; while :; do echo x >> /workspace/alive; sleep 0.01; done) > /dev/null 2>&1 & while [ ! -s /workspace/alive ]; do :; done',
      );
      await exit;
      for (const clean of groups.splice(0)) await clean();
      const before = await readFile(join(directory, 'alive'));
      const { exit: later } = await sh('sleep 0.1');
      await later;
      expect((await readFile(join(directory, 'alive'))).length).toBe(before.length);
    });

    it('bounds a fork bomb, and others run on', async (context) => {
      if (!tested.driver.appliesLimits && !tested.groups.controllers.includes('pids'))
        return context.skip('this host lets no control groups be made');
      const bomb = await sh('f() { f & f & wait; }; echo up; f', { limits: { processes: 40 } });
      await said(bomb, 'up');
      const other = await sh('for n in 1 2 3; do /bin/sh -c "echo $n"; done');
      expect(await other.exit).toMatchObject({ exitCode: 0 });
      expect(other.text.stdout).toBe('1\n2\n3\n');
      bomb.running.stop(0);
      await bomb.exit;
    });

    it('ends what takes more memory than it may', async (context) => {
      if (!tested.driver.appliesLimits && !tested.groups.controllers.includes('memory'))
        return context.skip('this host lets no control groups be made');
      const { exit } = await sh('exec dd if=/dev/zero of=/dev/null bs=209715200 count=1', {
        limits: { memory: 40 * 2 ** 20 },
      });
      expect((await exit).exitCode).not.toBe(0);
    });

    it('lets a program read its memory limit where programs look for it', async (context) => {
      if (!tested.driver.isolatesFiles) return context.skip('a plain process sees the files of the host');
      if (!tested.driver.appliesLimits && !tested.groups.controllers.includes('memory'))
        return context.skip('this host lets no control groups be made');
      const { exit, text } = await sh(
        'cd /sys/fs/cgroup; cat memory.max 2>/dev/null || cat memory/memory.limit_in_bytes',
        { limits: { memory: 40 * 2 ** 20 } },
      );
      await exit;
      expect(text.stdout.trim()).toBe(String(40 * 2 ** 20));
    });

    it('makes it wait where its output is taken slowly', async () => {
      const own = join(directory, 'slow');
      await mkdir(own, { recursive: true });
      let taken = 0;
      const enough = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      const running = await tested.driver.start(
        {
          podUid: 'slow',
          directory: own,
          hostname: 'box',
          image: tested.image,
          command: [
            '/bin/sh',
            '-c',
            'while :; do echo 0123456789012345678901234567890123456789012345678901234567890123; done',
          ],
          environment: {},
          workingDir: '/',
          mounts: [],
        },
        (_stream, data) => {
          taken += data.length;
          if (taken < 100_000) return;
          enough.resolve();
          return release.promise;
        },
      );
      await enough.promise;
      running.stop(0);
      release.resolve();
      await running.exited;
      expect(taken).toBeLessThan(16 * 2 ** 20);
    });

    it('shows files read-only where it is asked to', async (context) => {
      if (!tested.driver.isolatesFiles) return context.skip('plain processes see the files of the host');
      await writeFile(join(directory, 'given'), 'given');
      const { exit, text } = await sh('cat /given; echo no > /given || echo refused', {
        mounts: [{ hostPath: join(directory, 'given'), mountPath: '/given', readOnly: true }],
        workingDir: '/',
      });
      await exit;
      expect(text.stdout).toBe('givenrefused\n');
    });

    it('finds in its home the files that are given for it', async (context) => {
      if (!tested.driver.isolatesFiles) return context.skip('plain processes see the files of the host');
      const homeFiles = join(directory, 'for-home');
      await mkdir(join(homeFiles, '.docker'), { recursive: true });
      await writeFile(join(homeFiles, '.netrc'), 'login\n', { mode: 0o600 });
      await writeFile(join(homeFiles, '.docker/config.json'), '{}\n', { mode: 0o600 });
      const { exit, text } = await sh('cd $HOME; cat .netrc .docker/config.json', {
        homeFiles,
        environment: { HOME: '/home/somebody' },
      });
      await exit;
      expect(text.stdout).toBe('login\n{}\n');
    });

    it('cannot change how the kernel runs, though it is root', async (context) => {
      if (!tested.driver.isolatesFiles) return context.skip('plain processes see the files of the host');
      const { exit, text } = await sh(
        'for file in /proc/sys/kernel/core_pattern /proc/sys/vm/panic_on_oom /proc/sysrq-trigger; do [ ! -w $file ] || echo $file; done',
      );
      await exit;
      expect(text.stdout).toBe('');
    });

    it('runs as the user it is asked to', async (context) => {
      if (!tested.driver.isolatesFiles || process.getuid?.() !== 0)
        return context.skip('only root can start as another user');
      const user = { uid: 1234, gid: 5678, groups: [] };
      const { exit, text } = await sh('id -u; id -g', { user, workingDir: '/', mounts: [] });
      await exit;
      expect(text.stdout).toBe('1234\n5678\n');
    });
  });
}

async function said({ text, running }: Run, word: string): Promise<void> {
  let ended = false;
  void running.exited.then(() => {
    ended = true;
  });
  do await new Promise((resolve) => setImmediate(resolve));
  while (!text.stdout.includes(word) && !ended);
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const data of stream) text += Buffer.from(data).toString('utf8');
  return text;
}
