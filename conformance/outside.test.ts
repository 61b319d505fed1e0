import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resultsOf } from '@tagboat/api';
import {
  failures,
  finishedRun,
  OutsideGit,
  PlatformProcess,
  reasonOf,
  serving,
  tinyProject,
  WorkingCopy,
} from '@tagboat/dev-env';
import { debianPrograms } from '@tagboat/process/testing';
import { expect, test } from 'vitest';

const programs = await debianPrograms(['docker-registry']);
const why = typeof programs === 'string' ? programs : undefined;
const login = 'team:secret';
/** `secret` by bcrypt, which is what the registry reads. */
const htpasswd = 'team:$2b$04$21H6yx2XEXZj03IY.SXZ2eL.0zSLr/l6/1Z7SYsCqb9tbmSh8klEC\n';

/** Debian's docker-registry, behind a password. */
class Registry implements AsyncDisposable {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#process = child;
  }

  static async start(directory: string, path: string): Promise<Registry> {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as { port: number };
    probe.close();
    await once(probe, 'close');
    await writeFile(join(directory, 'htpasswd'), htpasswd);
    const configuration = {
      version: 0.1,
      storage: { filesystem: { rootdirectory: join(directory, 'registry') }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}` },
      auth: { htpasswd: { realm: 'registry', path: join(directory, 'htpasswd') } },
    };
    await writeFile(join(directory, 'registry.yml'), JSON.stringify(configuration));
    const child = spawn('docker-registry', ['serve', join(directory, 'registry.yml')], {
      env: { ...process.env, PATH: `${path}:${process.env.PATH}`, OTEL_TRACES_EXPORTER: 'none' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const listens = new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (data: Buffer) => {
          output += data.toString();
          if (/listening on/.test(output)) resolve();
        });
      child.once('exit', () => reject(new Error(`docker-registry ended: ${output}`)));
    });
    await listens;
    return new Registry(`http://127.0.0.1:${port}`, child);
  }

  get(path: string): Promise<Response> {
    const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
    return fetch(`${this.url}${path}`, { headers: { authorization } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await gone;
  }
}

test(`the loop with an outside git server and an outside registry, both behind passwords${why ? ` (skipped: ${why})` : ''}`, {
  timeout: 240_000,
  skip: why !== undefined,
}, async () => {
  if (typeof programs === 'string') return;
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-outside-'));
  try {
    await using registry = await Registry.start(directory, programs.path);
    await using code = await OutsideGit.start(login);
    const credentials = join(directory, 'credentials');
    await writeFile(credentials, `${login}\n`, { mode: 0o600 });
    const configuration = join(directory, 'tagboat.config.yaml');
    const port = (url: string) => `{ url: "${url}", credentialsFrom: { file: ${credentials} } }`;
    await writeFile(configuration, `code: ${port(code.url)}\nregistry: ${port(registry.url)}\n`);
    await using copy = await WorkingCopy.create(() => code.create('team/prices'), tinyProject);
    await code.create('team/tiny-deployment');
    await copy.commit('first');
    await copy.git('tag', 'v0.9.0');
    await copy.push('HEAD:refs/heads/main', 'v0.9.0');
    await using platform = await PlatformProcess.start({ environment: { TAGBOAT_CONFIG: configuration } });
    const connected = await platform.cli(['connect', 'team/prices', '-p', 'team', '--interval', '1']);
    expect(connected.stdout + connected.stderr).toMatch(/1 branches, and 1 tags that are known and not run/);
    const client = await platform.client();
    const live = async (tag: string, environment: string, mean: number) => {
      await serving(client, { namespace: `team-${environment}`, model: 'tiny', tag });
      const answer = await platform.cli(['predict', 'tiny', '1', '-e', environment, '-o', 'json']);
      expect(JSON.parse(answer.stdout)).toEqual({ mean, inputs: 1 });
    };
    for (const [tag, value] of [
      ['v1.0.0', 42],
      ['v1.1.0', 43],
    ] as const) {
      await copy.ship(tag, { 'helper.py': `VALUE = ${value}\n` });
      const run = await finishedRun(client, 'team', tag);
      expect(reasonOf(run), await failures(client, run)).toBe('Succeeded');
      const compared = tag === 'v1.0.0' ? 'nothing to compare with' : 'the deployed model';
      expect(resultsOf(run)['evaluate-verdict']).toMatch(compared);
      await live(tag, 'staging', value);
      expect((await platform.cli(['promote', 'tiny'])).stdout).toMatch(`${tag} goes to production`);
      await live(tag, 'production', value);
    }
    const rolled = await platform.cli(['rollback', 'tiny', '-e', 'production']);
    expect(rolled.stdout).toMatch(/from v1\.1\.0 to v1\.0\.0/);
    await live('v1.0.0', 'production', 42);
    const tags = (await (await registry.get('/v2/team/tiny/tags/list')).json()) as { tags: string[] };
    expect(tags.tags.sort()).toEqual(['v1.0.0', 'v1.1.0']);
    const own = await client.request('GET', '/v2/_catalog');
    expect(await own.json()).toEqual({ repositories: [] });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
