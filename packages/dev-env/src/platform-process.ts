import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TagboatError } from '@tagboat/base';
import { Client } from '@tagboat/client';
import { runCommand } from '@tagboat/process';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const entry = join(root, 'packages', 'cli', 'src', 'main.ts');
const nodeFlags = ['--disable-warning=ExperimentalWarning'];

export interface PlatformProcessOptions {
  readonly driver?: 'sandbox' | 'process' | 'container';
  /** Run as this user id (needs root). */
  readonly uid?: number;
  /** A command line that it is started through, such as one that takes something of the host away. */
  readonly through?: readonly [string, ...string[]];
  readonly environment?: Readonly<Record<string, string>>;
  /** An existing state directory, which is kept; default: a new one, removed at the end. */
  readonly home?: string;
  /** Where the new state directory is made; default: the directory for temporary files. */
  readonly parent?: string;
}

/** The platform in a process of its own, on free ports. */
export class PlatformProcess implements AsyncDisposable {
  readonly home: string;
  readonly #options: PlatformProcessOptions;
  #child: ChildProcess | undefined;
  #output = '';
  #port = '0';
  #appsPort = '0';
  #about: { url: string; appsUrl: string; driver: string } | undefined;

  private constructor(home: string, options: PlatformProcessOptions) {
    this.home = home;
    this.#options = options;
  }

  static async start(options: PlatformProcessOptions = {}): Promise<PlatformProcess> {
    const home = options.home ?? (await mkdtemp(join(options.parent ?? tmpdir(), 'tagboat-platform-')));
    if (options.uid !== undefined) await chown(home, options.uid, options.uid);
    const platform = new PlatformProcess(home, options);
    try {
      await platform.start();
    } catch (error) {
      await platform[Symbol.asyncDispose]();
      throw error;
    }
    return platform;
  }

  get url(): string {
    return this.#about!.url;
  }

  get appsUrl(): string {
    return this.#about!.appsUrl;
  }

  get driver(): string {
    return this.#about!.driver;
  }

  /** What it printed so far. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  get environment(): NodeJS.ProcessEnv {
    const { uid, driver, environment } = this.#options;
    return {
      ...process.env,
      TAGBOAT_HOME: this.home,
      TAGBOAT_PORT: this.#port,
      TAGBOAT_APPS_PORT: this.#appsPort,
      ...(driver ? { TAGBOAT_DRIVER: driver } : {}),
      ...(uid === undefined ? {} : { HOME: this.home, PATH: '/usr/local/bin:/usr/bin:/bin' }),
      ...environment,
    };
  }

  /** Starts it, again on the ports it had. */
  async start(): Promise<void> {
    const { uid } = this.#options;
    await rm(join(this.home, 'config', 'url'), { force: true });
    const words = [...(this.#options.through ?? []), process.execPath, ...nodeFlags, entry, 'up'];
    const child = spawn(words[0]!, words.slice(1), {
      env: this.environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: this.home,
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    this.#child = child;
    const up = Promise.withResolvers<void>();
    const collect = (data: Buffer) => {
      this.#output += data.toString('utf8');
      if (this.#output.includes('Ctrl-C stops it')) up.resolve();
    };
    this.#output = '';
    child.stdout!.on('data', collect);
    child.stderr!.on('data', collect);
    child.once('exit', (code) =>
      up.reject(
        new TagboatError(`the platform ended with code ${code}: ${this.#output}`, { reason: 'StartFailed' }),
      ),
    );
    await up.promise;
    const url = (await readFile(join(this.home, 'config', 'url'), 'utf8')).trim();
    this.#port = new URL(url).port;
    this.#about = (await (
      await new Client({ url, token: await this.token() }).request('GET', '/tagboat')
    ).json()) as { url: string; appsUrl: string; driver: string };
    this.#appsPort = new URL(this.#about.appsUrl).port;
  }

  token(): Promise<string> {
    return readFile(join(this.home, 'config', 'token'), 'utf8').then((text) => text.trim());
  }

  async client(): Promise<Client> {
    return new Client({ url: this.url, token: await this.token() });
  }

  /** The URL of a hosted repository, with the token in it. */
  async gitUrl(project: string, name: string): Promise<string> {
    const url = new URL(`${this.url}/git/${project}/${name}.git`);
    url.username = 'tagboat';
    url.password = await this.token();
    return url.href;
  }

  /** Ends it in order, as Ctrl-C does. @returns the exit code */
  async stop(): Promise<number | null> {
    return this.#end((child) => child.kill('SIGINT'));
  }

  /** `kill -9` of its whole process group. */
  async kill(): Promise<void> {
    await this.#end((child) => process.kill(-child.pid!, 'SIGKILL'));
  }

  /** Runs the CLI against it. */
  async cli(
    args: readonly string[],
    cwd = this.home,
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    await mkdir(cwd, { recursive: true });
    const { code, stdout, stderr } = await runCommand(process.execPath, [...nodeFlags, entry, ...args], {
      env: { ...this.environment, NO_COLOR: '1' },
      cwd,
    });
    return { code, stdout: stdout.toString('utf8'), stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end((child) => child.kill('SIGINT'));
    if (this.#options.home === undefined)
      await rm(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  async #end(how: (child: ChildProcess) => void): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const gone = once(child, 'close');
    how(child);
    await gone;
    return child.exitCode;
  }
}
