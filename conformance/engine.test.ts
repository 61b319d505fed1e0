import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds, type PipelineRun, resultsOf } from '@tagboat/api';
import {
  failures,
  finishedRun,
  PlatformProcess,
  serving,
  tinyProject,
  until,
  WorkingCopy,
} from '@tagboat/dev-env';
import { runChecked, runCommand } from '@tagboat/process';
import {
  DockerEngine,
  enginePrograms,
  imageRoot,
  PodmanEngine,
  type TestEngine,
} from '@tagboat/process/testing';
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
});

const engines = [
  { name: 'docker', start: () => DockerEngine.start() },
  { name: 'podman', start: () => PodmanEngine.start() },
];

describe.skipIf(why !== undefined).each(engines)(`the container driver with $name`, ({ start }) => {
  let engine: TestEngine | undefined;
  let missing = '';
  let platform: PlatformProcess;
  let base: string;
  beforeAll(async () => {
    const started = await start();
    if (typeof started === 'string') {
      missing = started;
      return;
    }
    engine = started;
    platform = await PlatformProcess.start({
      driver: 'container',
      environment: { DOCKER_HOST: `unix://${engine.socket}` },
    });
    base = await mkdtemp(join(tmpdir(), 'tagboat-engine-base-'));
    const root = await imageRoot(join(base, 'root'));
    // The steps of AICoE-CI's pipelines that only decide run in an image `bash`.
    for (const name of ['localhost/test/base:1', 'docker.io/library/bash:latest'])
      await engine.importImage(root, name);
  }, 300_000);
  afterAll(async () => {
    await platform?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
    if (base) await rm(base, { recursive: true, force: true });
  }, 60_000);

  test('a tag is trained, built and released in containers alone', { timeout: 240_000 }, async (context) => {
    if (missing) return context.skip(missing);
    await using copy = await WorkingCopy.create(() => platform.gitUrl('engine', 'tiny'), tinyProject);
    await copy.ship('v1.0.0');
    const client = await platform.client();
    const run = await finishedRun(client, 'engine', 'v1.0.0');
    expect(run.status?.conditions?.[0], await failures(client, run)).toMatchObject({
      status: 'True',
      reason: 'Succeeded',
    });
  });

  test('a Dockerfile of several stages is built, pushed, and runs as a step', {
    timeout: 240_000,
  }, async (context) => {
    if (missing) return context.skip(missing);
    await using copy = await WorkingCopy.create(() => platform.gitUrl('stages', 'app'), {
      '.aicoe-ci.yaml': 'check: [thoth-build]\nbuild: { build-stratergy: Dockerfile }\n',
      Dockerfile: stages,
      'given.txt': 'given\n',
    });
    await copy.ship('v1.0.0');
    const client = await platform.client();
    const built = await finishedRun(client, 'stages', 'v1.0.0');
    expect(built.status?.conditions?.[0]?.status, await failures(client, built)).toBe('True');
    const { host } = new URL(platform.url);
    await client.create<PipelineRun>(kinds.PipelineRun, {
      apiVersion: 'tekton.dev/v1',
      kind: 'PipelineRun',
      metadata: { name: 'reads', namespace: 'stages' },
      spec: { pipelineSpec: { tasks: [{ name: 'read', taskSpec: readTask(`${host}/stages/app:v1.0.0`) }] } },
    } as PipelineRun);
    const read = await until<PipelineRun>(
      client,
      { type: kinds.PipelineRun, namespace: 'stages', what: 'the end of the run', timeout: 120_000 },
      ({ metadata, status }) => metadata.name === 'reads' && status?.completionTime !== undefined,
    );
    expect(read.status?.conditions?.[0]?.status, await failures(client, read)).toBe('True');
  });
});

/** Two stages, an argument before and one within them, and lines that run something. */
const stages = `ARG BASE=localhost/test/base:1
FROM $BASE AS made
ARG WORD=argument
RUN mkdir /made && echo "$WORD" > /made/said
FROM localhost/test/base:1
COPY --from=made /made /made
COPY given.txt /made/
RUN cat /made/given.txt >> /made/said
ENV FROM_IMAGE=environment
`;

const readTask = (image: string) => ({
  steps: [
    {
      name: 'read',
      image,
      script: `#!/bin/sh
set -e
test "$FROM_IMAGE" = environment
test "$(cat /made/said)" = "argument
given"
`,
    },
  ],
});

/** Waits until a server answers. */
async function answers(url: string, logs: () => Promise<string>): Promise<void> {
  const patience = ['--retry', '60', '--retry-delay', '1', '--retry-connrefused', '--retry-max-time', '60'];
  const { code } = await runCommand('curl', ['--silent', '--fail', ...patience, url]);
  if (code !== 0) throw new Error(`${url} does not answer: ${await logs()}`);
}
