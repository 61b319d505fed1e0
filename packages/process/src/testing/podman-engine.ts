import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runChecked, runCommand, tiedToParent } from '../run.ts';
import { enginePrograms } from './docker-engine.ts';
import type { TestEngine } from './test-engine.ts';

/** How long podman's service may take to answer, in milliseconds. */
const patience = 30_000;

/** podman's service with a storage of the tests' own: nothing of it is seen by what else uses podman on this host. */
export class PodmanEngine implements TestEngine {
  readonly name = 'podman';
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly #service: ChildProcess;
  readonly #storage: readonly string[];
  #output = '';

  private constructor(directory: string, runtime: readonly string[]) {
    const at = (name: string) => join(directory, name);
    this.directory = directory;
    this.environment = {
      ...process.env,
      CONTAINERS_CONF: at('containers.conf'),
      DOCKER_HOST: `unix://${this.socket}`,
    };
    const places = ['--root', at('data'), '--runroot', at('run'), '--storage-driver', 'vfs'];
    this.#storage = [...places, ...runtime];
    const [file, args] = tiedToParent('podman', [
      ...[...this.#storage, '--events-backend', 'none'],
      ...['system', 'service', '--time', '0', this.environment.DOCKER_HOST!],
    ]);
    // Conmon leaves files such as `oom` where the service runs.
    this.#service = spawn(file, args, {
      cwd: directory,
      env: this.environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#service.stderr!.on('data', (data: Buffer) => {
      this.#output = (this.#output + data.toString('utf8')).slice(-10_000);
    });
  }

  /** @returns why it does not run here, in words, where it does not */
  static async start(): Promise<PodmanEngine | string> {
    const problem = await installed();
    if (problem) return problem;
    const runtime = await runtimeOptions();
    if (typeof runtime === 'string') return runtime;
    const directory = await mkdtemp(join(tmpdir(), 'tagboat-podman-'));
    await writeFile(join(directory, 'containers.conf'), await withinLimits());
    const engine = new PodmanEngine(directory, runtime);
    if (await engine.#answers()) return engine;
    await engine[Symbol.asyncDispose]();
    return `podman's service does not start here: ${engine.#output.trim().split('\n').at(-1)}`;
  }

  get socket(): string {
    return join(this.directory, 'engine.sock');
  }

  async importImage(root: string, name: string, changes: readonly string[] = []): Promise<void> {
    const options = changes.flatMap((change) => ['--change', change]);
    const command = 'root=$1; shift; tar -C "$root" -c . | podman "$@"';
    const args = [root, ...this.#storage, 'import', '--quiet', ...options, '-', name];
    await runChecked('/bin/sh', ['-c', command, 'sh', ...args], { env: this.environment });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#service.exitCode === null) {
      await this.#podman('rm', '--all', '--force', '--time', '0');
      // conmon may outlive the commands it ran in containers that are gone; the directory is in its arguments.
      await runCommand('pkill', ['-KILL', '-f', `conmon .*${this.directory}`]).catch(() => undefined);
      const gone = once(this.#service, 'exit');
      this.#service.kill('SIGTERM');
      await gone;
    }
    await this.#podman('system', 'reset', '--force');
    await rm(this.directory, { recursive: true, force: true });
  }

  #podman(...args: string[]) {
    return runCommand('podman', [...this.#storage, ...args], { env: this.environment });
  }

  /** podman says nowhere that it listens: it is asked until it answers or ends. */
  async #answers(): Promise<boolean> {
    const end = performance.now() + patience;
    while (this.#service.exitCode === null && performance.now() < end) {
      if (await ping(this.socket)) return true;
      await delay(20);
    }
    return false;
  }
}

async function installed(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'a container engine needs root';
  if ((await runCommand('podman', ['--version']).catch(() => undefined))?.code === 0) return undefined;
  if (!existsSync('/etc/debian_version')) return 'podman is not installed, and this is not Debian';
  // Conmon calls podman when a container ends: unpacked elsewhere, it would not be found with its libraries.
  const install = () =>
    runCommand(
      'apt-get',
      ['-o', 'DPkg::Lock::Timeout=300', 'install', '--yes', '--no-install-recommends', 'podman'],
      { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 300_000 },
    );
  let { code, stderr } = await install();
  if (code !== 0) {
    await runCommand('apt-get', ['update'], { timeout: 120_000 });
    ({ code, stderr } = await install());
  }
  return code === 0 ? undefined : `apt-get cannot install podman: ${stderr.trim().split('\n').at(-1)}`;
}

/** Debian's crun refuses hosts whose control groups of version 1 and 2 share the controllers; runc does not. */
async function runtimeOptions(): Promise<string[] | string> {
  const shared = await readFile('/sys/fs/cgroup/unified/cgroup.controllers', 'utf8').catch(() => '');
  if (shared.trim() === '') return [];
  const programs = await enginePrograms();
  if (typeof programs === 'string') return programs;
  const found = programs.path
    .split(':')
    .map((directory) => join(directory, 'runc'))
    .find(existsSync);
  return found ? ['--runtime', found] : 'there is no runc';
}

/** podman asks for more open files and processes than a host without CAP_SYS_RESOURCE may give. */
async function withinLimits(): Promise<string> {
  const text = await readFile('/proc/self/limits', 'utf8');
  const hard = (name: string) => new RegExp(`^${name} +\\S+ +(\\d+)`, 'm').exec(text)?.[1];
  const bound = (name: string, most: number) => Math.min(most, Number(hard(name) ?? most));
  const files = bound('Max open files', 1024 * 1024);
  const processes = bound('Max processes', 16_384);
  return `[containers]\ndefault_ulimits = ["nofile=${files}:${files}", "nproc=${processes}:${processes}"]\n`;
}

function ping(socketPath: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  request({ socketPath, path: '/_ping' }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  })
    .on('error', () => resolve(false))
    .end();
  return promise;
}
