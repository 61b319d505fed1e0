import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resultsOf } from '@tagboat/api';
import { finishedRun, PlatformProcess, serving, tinyProject, WorkingCopy } from '@tagboat/dev-env';
import { runChecked, runCommand } from '@tagboat/process';
import { DockerEngine, enginePrograms } from '@tagboat/process/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const programs = await enginePrograms();
const why = typeof programs === 'string' ? programs : undefined;

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
    await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
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
    const login = ['--authfile', join(directory, 'config.json')];
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
    if (typeof programs === 'string') return;
    const started = await DockerEngine.start(programs);
    if (typeof started === 'string') return context.skip(started);
    await using engine = started;
    await copyFile(join(directory, 'config.json'), join(engine.directory, 'config.json'));
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

  test('with the container driver a tag is trained, built and released in containers alone', {
    timeout: 240_000,
  }, async (context) => {
    if (typeof programs === 'string') return;
    const started = await DockerEngine.start(programs);
    if (typeof started === 'string') return context.skip(started);
    await using engine = started;
    await using contained = await PlatformProcess.start({
      driver: 'container',
      environment: { DOCKER_HOST: `unix://${engine.socket}` },
    });
    await using copy = await WorkingCopy.create(() => contained.gitUrl('engine', 'tiny'), tinyProject);
    await copy.ship('v1.0.0');
    const run = await finishedRun(await contained.client(), 'engine', 'v1.0.0');
    expect(run.status?.conditions?.[0]).toMatchObject({ status: 'True', reason: 'Succeeded' });
  });
});

/** Waits until a server answers. */
async function answers(url: string, logs: () => Promise<string>): Promise<void> {
  const patience = ['--retry', '60', '--retry-delay', '1', '--retry-connrefused', '--retry-max-time', '60'];
  const { code } = await runCommand('curl', ['--silent', '--fail', ...patience, url]);
  if (code !== 0) throw new Error(`${url} does not answer: ${await logs()}`);
}
