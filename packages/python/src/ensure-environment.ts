import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { markUsed, syncDirectory, systemClock, TagboatError, writeFileAtomic } from '@tagboat/base';
import { runChecked, syncTree } from '@tagboat/process';
import { compileBytecode, modulesIn } from './bytecode.ts';
import { marker } from './collect-environments.ts';
import { environmentKey } from './environment-key.ts';
import { explainFullDisk, explainUv } from './explain.ts';
import { indexSettings, settingsEnvironment } from './index-settings.ts';
import { acquireLock } from './kernel-lock.ts';
import { lockedRequest } from './locked-request.ts';
import { createReporter, type Reporter } from './progress.ts';
import { logicalLines } from './requirements-file.ts';
import type { EnsureEnvironmentOptions, Environment, Interpreter, Requirements } from './types.ts';
import { ensureUv, runUv } from './uv.ts';

/**
 * The Python environment for these requirements, made if it is not there. Callers in any number of processes share one.
 * When it is there already, nothing is started and the network is not used.
 * @throws what `readRequirements`, `resolveInterpreter` and `lockEnvironment` throw; `DiskFull`; `Cancelled`
 */
export function ensureEnvironment(options: EnsureEnvironmentOptions): Promise<Environment> {
  return explainFullDisk(() => findOrMake(options));
}

async function findOrMake(options: EnsureEnvironmentOptions): Promise<Environment> {
  const clock = options.clock ?? systemClock;
  using reporter = createReporter(options.onProgress, clock);
  const { requirements, interpreter, lock, pinned } = await lockedRequest(options, reporter);
  const key = environmentKey(lock, interpreter);
  const directory = join(options.environmentsDirectory, key);
  const result = {
    key,
    directory,
    python: join(directory, 'bin', 'python'),
    lock,
    pinned,
    interpreter,
    requirements,
  };
  // Marked before it is looked for: what is found then is not collected any more.
  await markUsed(join(directory, marker));
  if (existsSync(join(directory, marker))) return { ...result, reused: true };
  using _lock = await acquireLock(join(options.environmentsDirectory, '.locks', key), {
    clock,
    ...(options.signal ? { signal: options.signal } : {}),
    onWait: () =>
      reporter.say({ phase: 'wait', message: 'waits while another run makes the same environment' }),
  });
  if (existsSync(join(directory, marker))) return { ...result, reused: true };
  await install({ options, requirements, interpreter, lock, directory, reporter });
  reporter.say({ phase: 'ready', message: 'the environment is ready' });
  return { ...result, reused: false };
}

interface Installation {
  readonly options: EnsureEnvironmentOptions;
  readonly requirements: Requirements;
  readonly interpreter: Interpreter;
  readonly lock: string;
  readonly directory: string;
  readonly reporter: Reporter;
}

async function install(installation: Installation): Promise<void> {
  const { options, requirements, interpreter, lock, directory, reporter } = installation;
  const temporary = `${directory}.new`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(options.environmentsDirectory, { recursive: true });
  if (lock.trim() === '') return makeEmpty(installation, temporary);
  const uv = await ensureUv(options, interpreter, reporter);
  const env = options.env ?? process.env;
  const settings = await indexSettings(env, requirements);
  const environment = settingsEnvironment(settings, env);
  const made = await runUv({
    uv,
    options,
    env: environment,
    args: ['venv', '--python', interpreter.path, '--no-project', '--relocatable', temporary],
  });
  if (made.code !== 0)
    throw new TagboatError(`cannot make a Python environment: ${made.stderr.trim()}`, {
      reason: 'EnvironmentFailed',
    });
  const total = lock.split('\n').filter((line) => /^[A-Za-z0-9]/.test(line)).length;
  reporter.say({
    phase: 'install',
    message: `downloads and installs ${total} packages`,
    packagesDone: 0,
    packagesTotal: total,
  });
  const file = join(temporary, 'requirements.lock');
  await writeFileAtomic(file, lock);
  const installed = await runUv({
    uv,
    options,
    env: environment,
    onLine: (line) => {
      const text = line.trim();
      const [, built, where] = /^Building (\S+)(?: @ (\S+))?/.exec(text) ?? [];
      if (built)
        reporter.say({
          phase: 'install',
          message: where?.startsWith('git+')
            ? `builds ${built} from its repository`
            : `builds ${built} from its source, which may take long: the index has no wheel of it for Python ${interpreter.version} here`,
          packagesTotal: total,
        });
      else if (/^(Downloading|Downloaded|Built|Prepared|Installed|Resolved)/.test(text))
        reporter.say({ phase: 'install', message: text, packagesTotal: total });
    },
    args: [
      'pip',
      'install',
      '--python',
      join(temporary, 'bin', 'python'),
      '--no-deps',
      '--no-compile-bytecode',
      ...hashOptions(lock),
      ...(settings.noIndex ? ['--no-index'] : []),
      ...settings.noBinary.flatMap((name) => ['--no-binary', name]),
      '-r',
      file,
    ],
  });
  if (installed.code !== 0) throw explainUv(installed.stderr, requirements);
  reporter.say({ phase: 'install', message: 'compiles the packages to bytecode', packagesTotal: total });
  const library = join(temporary, 'lib');
  await compileBytecode({
    python: join(temporary, 'bin', 'python'),
    modules: await modulesIn(library),
    output: library,
    env,
    ...(options.signal ? { signal: options.signal } : {}),
  });
  await finish(installation, temporary);
}

const namesCommit = /^[\w.-]+(\[[^\]]*\])? @ git\+\S+@[0-9a-f]{40}([#?]\S*)?( ;.*)?$/;

/**
 * How uv holds what it installs against a lock's hashes: everything must have one, but for what comes from a repository,
 * which has none, and is what it is by its commit.
 */
export function hashOptions(lock: string): string[] {
  const entries = logicalLines(lock).map(({ text }) => text);
  const without = entries.filter((text) => !text.includes('--hash='));
  if (without.length === entries.length) return [];
  const fromRepositories = without.length > 0 && without.every((text) => namesCommit.test(text));
  return [fromRepositories ? '--verify-hashes' : '--require-hashes'];
}

/** An environment without packages, by the interpreter alone; no pip goes into it, so ensurepip is not needed. */
async function makeEmpty(installation: Installation, temporary: string): Promise<void> {
  const { interpreter, lock } = installation;
  await runChecked(interpreter.path, ['-m', 'venv', '--without-pip', temporary]);
  await writeFileAtomic(join(temporary, 'requirements.lock'), lock);
  await finish(installation, temporary);
}

async function finish({ options, directory, lock }: Installation, temporary: string): Promise<void> {
  await syncTree(temporary);
  await writeFileAtomic(join(temporary, marker), lock);
  await rm(directory, { recursive: true, force: true });
  await rename(temporary, directory);
  await syncDirectory(options.environmentsDirectory);
}
