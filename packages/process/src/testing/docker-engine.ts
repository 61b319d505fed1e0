import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChecked, runCommand, tiedToParent } from '../run.ts';
import { type DebianPrograms, debianPrograms } from './debian-programs.ts';
import type { TestEngine } from './test-engine.ts';

/** What a container engine needs, with skopeo; or why it cannot be had, in words. */
export async function enginePrograms(): Promise<DebianPrograms | string> {
  if (process.getuid?.() !== 0) return 'a container engine needs root';
  return debianPrograms(['docker.io', 'containerd', 'runc', 'skopeo', 'libgpgme11', 'libassuan0']);
}

/** A dockerd of the tests' own, with a private root and no network: nothing of it is seen by one that the host may run. */
export class DockerEngine implements TestEngine {
  readonly name = 'docker';
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly #daemon: ChildProcess;
  #output = '';

  private constructor(directory: string, programs: DebianPrograms) {
    this.directory = directory;
    this.environment = {
      ...process.env,
      PATH: `${programs.path}:${process.env.PATH}`,
      LD_LIBRARY_PATH: programs.libraries,
      DOCKER_HOST: `unix://${this.socket}`,
      DOCKER_CONFIG: directory,
    };
    const at = (name: string) => join(directory, name);
    const [file, args] = tiedToParent('dockerd', [
      ...['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')],
      ...['--host', `unix://${this.socket}`, '--iptables=false', '--ip6tables=false', '--bridge=none'],
      ...['--storage-driver', 'vfs'],
    ]);
    this.#daemon = spawn(file, args, { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** @returns why it does not run here, in words, where it does not */
  static async start(programs?: DebianPrograms): Promise<DockerEngine | string> {
    const found = programs ?? (await enginePrograms());
    if (typeof found === 'string') return found;
    const engine = new DockerEngine(await mkdtemp(join(tmpdir(), 'tagboat-engine-')), found);
    const problem = await engine.#ready();
    if (problem === undefined) return engine;
    await engine[Symbol.asyncDispose]();
    return `dockerd does not start here: ${problem}`;
  }

  get socket(): string {
    return join(this.directory, 'engine.sock');
  }

  async docker(...args: string[]): Promise<string> {
    return (await runChecked('docker', args, { env: this.environment })).stdout.toString().trim();
  }

  async importImage(root: string, name: string, changes: readonly string[] = []): Promise<void> {
    const options = changes.flatMap((change) => ['--change', change]);
    const command = 'root=$1; shift; tar -C "$root" -c . | docker import "$@"';
    const args = ['-c', command, 'sh', root, ...options, '-', name];
    await runChecked('/bin/sh', args, { env: this.environment });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#daemon.exitCode === null) {
      const gone = once(this.#daemon, 'exit');
      this.#daemon.kill('SIGTERM');
      await gone;
    }
    // It leaves its network namespaces mounted.
    for (const line of (await readFile('/proc/mounts', 'utf8')).split('\n')) {
      const place = line.split(' ')[1] ?? '';
      if (place.startsWith(this.directory)) await runCommand('umount', [place]);
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  async #ready(): Promise<string | undefined> {
    const up = new Promise<void>((resolve) => {
      for (const stream of [this.#daemon.stdout!, this.#daemon.stderr!])
        stream.on('data', (data: Buffer) => {
          this.#output = (this.#output + data.toString('utf8')).slice(-10_000);
          if (/API listen on/.test(this.#output)) resolve();
        });
    });
    await Promise.race([up, once(this.#daemon, 'exit')]);
    return this.#daemon.exitCode === null ? undefined : this.#output.trim().split('\n').at(-1);
  }
}
