import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resultsOf } from '@tagboat/api';
import {
  debianPrograms,
  finishedRun,
  PlatformProcess,
  serving,
  tinyProject,
  WorkingCopy,
} from '@tagboat/dev-env';
import { runChecked, runCommand } from '@tagboat/process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const programs =
  process.getuid?.() === 0
    ? await debianPrograms(['docker.io', 'containerd', 'runc', 'skopeo', 'libgpgme11', 'libassuan0'])
    : 'a container engine needs root';
const why = typeof programs === 'string' ? programs : undefined;

/** A dockerd with a private root, without a network of its own. */
class Engine implements AsyncDisposable {
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly #daemon: ChildProcess;
  output = '';

  constructor(directory: string, environment: NodeJS.ProcessEnv) {
    this.directory = directory;
    const at = (name: string) => join(directory, name);
    this.environment = {
      ...environment,
      DOCKER_HOST: `unix://${at('engine.sock')}`,
      DOCKER_CONFIG: directory,
    };
    this.#daemon = spawn(
      'dockerd',
      [
        ...['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')],
        ...[
          '--host',
          `unix://${at('engine.sock')}`,
          '--iptables=false',
          '--ip6tables=false',
          '--bridge=none',
        ],
        ...['--storage-driver', 'vfs'],
      ],
      { env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [this.#daemon.stdout!, this.#daemon.stderr!])
      stream.on('data', (data: Buffer) => {
        this.output += data.toString();
      });
  }

  /** @returns why it does not run here, where it does not */
  async ready(): Promise<string | undefined> {
    const up = new Promise<void>((resolve) => {
      for (const stream of [this.#daemon.stdout!, this.#daemon.stderr!])
        stream.on('data', () => /API listen on/.test(this.output) && resolve());
    });
    await Promise.race([up, once(this.#daemon, 'exit')]);
    return this.#daemon.exitCode === null ? undefined : this.output.trim().split('\n').at(-1);
  }

  async docker(...args: string[]): Promise<string> {
    return (await runChecked('docker', args, { env: this.environment })).stdout.toString().trim();
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
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

describe.skipIf(why !== undefined)(`a real container engine${why ? ` (skipped: ${why})` : ''}`, () => {
  let directory: string;
  let environment: NodeJS.ProcessEnv;
  let platform: PlatformProcess;
  let image: string;

  beforeAll(async () => {
    if (typeof programs === 'string') return;
    directory = await mkdtemp(join(tmpdir(), 'tagboat-engine-'));
    environment = {
      ...process.env,
      PATH: `${programs.path}:${process.env.PATH}`,
      LD_LIBRARY_PATH: programs.libraries,
    };
    platform = await PlatformProcess.start();
    const auth = Buffer.from(`tagboat:${await platform.token()}`).toString('base64');
    const host = new URL(platform.url).host;
    await mkdir(join(directory, 'engine'));
    await writeFile(
      join(directory, 'engine', 'config.json'),
      JSON.stringify({ auths: { [host]: { auth } } }),
    );
    await using copy = await WorkingCopy.create(() => platform.gitUrl('engine', 'tiny'), tinyProject);
    await copy.ship('v1.0.0');
    const client = await platform.client();
    image = resultsOf(await finishedRun(client, 'engine', 'v1.0.0'))['build-image']!;
    await serving(client, { namespace: 'engine-staging', model: 'tiny', tag: 'v1.0.0' });
  }, 120_000);
  afterAll(async () => {
    await platform?.[Symbol.asyncDispose]();
    if (directory) await rm(directory, { recursive: true, force: true });
  });

  test('skopeo copies images out of the registry and into it', { timeout: 120_000 }, async () => {
    const archive = `oci:${join(directory, 'copy')}:v1`;
    const login = ['--authfile', join(directory, 'engine', 'config.json')];
    const insecure = (direction: string) => `--${direction}-tls-verify=false`;
    const policy = ['--insecure-policy'];
    const run = (...args: string[]) => runChecked('skopeo', [...policy, ...args], { env: environment });
    await run('copy', ...login, insecure('src'), `docker://${image}`, archive);
    const target = `docker://${new URL(platform.url).host}/engine/copied:v1`;
    await run('copy', ...login, insecure('dest'), archive, target);
    const { stdout } = await run('inspect', ...login, '--tls-verify=false', target);
    const { Digest } = JSON.parse(stdout.toString()) as { Digest: string };
    expect(Digest).toBe(image.split('@')[1]);
  });

  test('docker pulls it, runs it as any user with a read-only root, and it answers the same', {
    timeout: 240_000,
  }, async (context) => {
    await using engine = new Engine(join(directory, 'engine'), environment);
    const problem = await engine.ready();
    if (problem) context.skip(`dockerd does not start here: ${problem}`);
    await engine.docker('pull', '--quiet', image);
    const port = await freePort();
    const id = await engine.docker(
      ...[
        'run',
        '--detach',
        '--network',
        'host',
        '--user',
        '1000650000:0',
        '--read-only',
        '--cap-drop',
        'ALL',
      ],
      ...['--env', `PORT=${port}`, '--env', 'HOST=127.0.0.1', image],
    );
    const ask = async (url: string, init?: RequestInit) => {
      const response = await fetch(url, init);
      return { status: response.status, body: await response.json() };
    };
    const own = `http://127.0.0.1:${port}`;
    await answers(`${own}/v2/health/ready`, () => engine.docker('logs', id));
    const embedded = `${platform.appsUrl}/engine-staging/tiny`;
    for (const [path, body] of [
      ['predict', '1'],
      ['predict', '{"x": [1, 2]}'],
      ['v2/models/tiny', undefined],
      ['v2', undefined],
    ] as const) {
      const init = body === undefined ? {} : { method: 'POST', body };
      expect(await ask(`${own}/${path}`, init), path).toEqual(await ask(`${embedded}/${path}`, init));
    }
    await engine.docker('rm', '--force', id);
    await engine.docker('tag', image, `${new URL(platform.url).host}/engine/pushed:v2`);
    await engine.docker('push', '--quiet', `${new URL(platform.url).host}/engine/pushed:v2`);
    const token = await platform.token();
    const pushed = await fetch(`${platform.url}/v2/engine/pushed/manifests/v2`, {
      headers: {
        authorization: `Bearer ${token}`,
        accept:
          'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json',
      },
    });
    expect(pushed.status).toBe(200);
  });
});

/** Waits until a server answers. */
async function answers(url: string, logs: () => Promise<string>): Promise<void> {
  const patience = ['--retry', '60', '--retry-delay', '1', '--retry-connrefused', '--retry-max-time', '60'];
  const { code } = await runCommand('curl', ['--silent', '--fail', ...patience, url]);
  if (code !== 0) throw new Error(`${url} does not answer: ${await logs()}`);
}
