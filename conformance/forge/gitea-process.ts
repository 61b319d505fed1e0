import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChecked } from '@tagboat/process';

/** What a test needs to run the real Gitea, or why it cannot. */
export const giteaProgram: { path: string; root: string | undefined } | string = process.env.GITEA
  ? { path: process.env.GITEA, root: process.env.GITEA_ROOT }
  : 'GITEA names no gitea program; GITEA_ROOT is the directory of its source, where its templates are not built in';

const configuration = (directory: string, port: number, root: string | undefined) => `APP_NAME = conformance
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = ${directory}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = ${port}
ROOT_URL = http://127.0.0.1:${port}/
DISABLE_SSH = true
OFFLINE_MODE = true
${root ? `STATIC_ROOT_PATH = ${root}` : ''}
[database]
DB_TYPE = sqlite3
PATH = ${join(directory, 'gitea.db')}
[security]
INSTALL_LOCK = true
SECRET_KEY = conformance
[webhook]
ALLOWED_HOST_LIST = *
DELIVER_TIMEOUT = 5
[repository]
ROOT = ${join(directory, 'repositories')}
[actions]
ENABLED = false
[log]
LEVEL = Error
`;

/** The real Gitea in a directory of its own, on loopback. */
export class GiteaProcess implements AsyncDisposable {
  readonly url: string;
  readonly #directory: string;
  readonly #program: string;
  #child: ChildProcess | undefined;

  private constructor(about: { url: string; directory: string; program: string }) {
    this.url = about.url;
    this.#directory = about.directory;
    this.#program = about.program;
  }

  static async start({ path, root }: { path: string; root: string | undefined }): Promise<GiteaProcess> {
    const directory = await mkdtemp(join(tmpdir(), 'tagboat-gitea-'));
    const port = await freePort();
    const gitea = new GiteaProcess({ url: `http://127.0.0.1:${port}`, directory, program: path });
    await mkdir(join(directory, 'custom', 'conf'), { recursive: true });
    await writeFile(gitea.#configuration, configuration(directory, port, root));
    await gitea.#run('migrate');
    gitea.#child = spawn(path, [...gitea.#common, 'web'], { env: gitea.#environment, stdio: 'ignore' });
    await gitea.#answering();
    return gitea;
  }

  /** Makes a person; their password is their name twice. */
  async person(name: string, { admin = false } = {}): Promise<void> {
    await this.#run(
      ...['admin', 'user', 'create', '--username', name, '--password', passwordOf(name)],
      ...['--email', `${name}@example.com`, '--must-change-password=false', ...(admin ? ['--admin'] : [])],
    );
  }

  /** Asks the REST API as somebody. @throws for other answers than success */
  async ask<T>(person: string, method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(`${person}:${passwordOf(person)}`).toString('base64')}`,
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  /** The URL of a repository, with somebody's login in it. */
  gitUrl(person: string, repository: string): string {
    return `${this.url.replace('//', `//${person}:${passwordOf(person)}@`)}/${repository}.git`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #configuration(): string {
    return join(this.#directory, 'custom', 'conf', 'app.ini');
  }

  get #common(): string[] {
    return ['--config', this.#configuration, '--work-path', this.#directory];
  }

  get #environment(): NodeJS.ProcessEnv {
    return { ...process.env, HOME: this.#directory };
  }

  async #run(...args: string[]): Promise<void> {
    await runChecked(this.#program, [...this.#common, ...args], { env: this.#environment, timeout: 60_000 });
  }

  async #answering(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const answer = await fetch(`${this.url}/api/v1/version`).catch(() => undefined);
      if (answer?.ok) return;
      if (tries > 300) throw new Error('gitea does not answer');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

const passwordOf = (name: string) => `Secret-${name}-${name}`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
