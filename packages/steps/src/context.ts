import { readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invalid, notFound, TagboatError } from '@tagboat/base';
import { Commit, type Credentials, type ReadBeside } from '@tagboat/git-client';
import { RegistryClient } from '@tagboat/oci';
import { type ModelFile, modelFileName, readModelFile } from '@tagboat/render';
import { lockFileName } from './lock-file.ts';

/** The version of what steps do: a part of every reuse key, raised when the same inputs could give something else. */
export const stepsVersion = '1';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a built-in step is told by its task, and where it leaves its results. */
export class StepContext {
  readonly environment: Environment;
  readonly signal: AbortSignal | undefined;
  readonly say: (line: string) => void;

  constructor(environment: Environment, say: (line: string) => void, signal?: AbortSignal) {
    this.environment = environment;
    this.say = say;
    this.signal = signal;
  }

  /** @throws `Invalid` where the task did not give it */
  get(name: string): string {
    const value = this.environment[name];
    if (value === undefined || value === '')
      throw invalid(`expected the variable ${name}`, {
        hint: 'this command is called by the built-in tasks',
      });
    return value;
  }

  optional(name: string): string | undefined {
    return this.environment[name] || undefined;
  }

  get repository(): string {
    return join(this.get('TAGBOAT_WORKSPACE'), 'repository.git');
  }

  get environments(): string {
    return this.get('TAGBOAT_ENVIRONMENTS');
  }

  get cache(): string {
    return join(this.environments, '.cache');
  }

  /** An empty directory in the run's workspace. */
  async directory(name: string): Promise<string> {
    const path = join(this.get('TAGBOAT_WORKSPACE'), name);
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true });
    return path;
  }

  /** Where steps of one run leave files for the next ones. */
  async outputs(): Promise<string> {
    const path = join(this.get('TAGBOAT_WORKSPACE'), 'out');
    await mkdir(path, { recursive: true });
    return path;
  }

  async result(name: string, value: string): Promise<void> {
    const directory = this.get('TAGBOAT_RESULTS');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, name), value);
  }

  /** @param beside what will be read of it, besides the configuration */
  commit(beside: ReadBeside = {}): Promise<Commit> {
    return Commit.at(this.repository, this.get('TAGBOAT_COMMIT'), [modelFileName, lockFileName], beside);
  }

  /** The model this step is about, as its commit declares it. */
  async model(commit: Commit): Promise<ModelFile> {
    const text = await commit.readText(modelFileName);
    if (text === undefined) throw notFound(`commit ${commit.id.slice(0, 10)} has no ${modelFileName}`);
    const name = this.get('TAGBOAT_MODEL');
    const models = readModelFile(text, modelFileName);
    const model = models.find((candidate) => candidate.name === name);
    if (!model)
      throw notFound(
        `${modelFileName} declares no model "${name}"; it declares ${models.map((known) => known.name).join(', ')}`,
      );
    return model;
  }

  /** The run's own token, where the platform gave one. */
  get token(): string | undefined {
    const file = this.optional('TAGBOAT_TOKEN_FILE');
    if (!file) return this.optional('TAGBOAT_TOKEN');
    try {
      return readFileSync(file, 'utf8').trim();
    } catch (cause) {
      throw new TagboatError(`cannot read the token of this run from ${file}`, {
        reason: 'Unauthorized',
        cause,
      });
    }
  }

  /** The run's token for this platform's own repositories; for others what the platform knows, else what git finds. */
  async credentialsFor(url: string): Promise<{ credentials?: Credentials }> {
    const token = this.token;
    if (!token || !/^https?:/.test(url)) return {};
    if (this.isPlatform(new URL(url).host)) return { credentials: { username: 'tagboat', password: token } };
    const response = await fetch(
      `${this.get('TAGBOAT_URL')}/git-credentials?${new URLSearchParams({ url })}`,
      { headers: { authorization: `Bearer ${token}` } },
    );
    if (!response.ok) return {};
    const found = (await response.json()) as Partial<Credentials>;
    return found.username && found.password
      ? { credentials: { username: found.username, password: found.password } }
      : {};
  }

  /** Host and path that images of this project are below. */
  get registryPrefix(): string {
    return this.get('TAGBOAT_REGISTRY').replace(/^https?:\/\//, '');
  }

  get registryHost(): string {
    return this.registryPrefix.split('/')[0]!;
  }

  /** The name of this model's image, without tag or digest. */
  get image(): string {
    return `${this.registryHost}/${this.artifacts()}`;
  }

  registry(): Promise<RegistryClient> {
    return registryAt(this, this.registryHost);
  }

  /** A registry repository of this model: `image` has the model's own name, others stand below it. */
  artifacts(kind?: 'model' | 'cache' | 'notebooks' | 'data' | 'metrics'): string {
    const [, ...prefix] = this.registryPrefix.split('/');
    const parts = [...prefix, this.get('TAGBOAT_PROJECT'), this.get('TAGBOAT_MODEL'), kind];
    return parts.filter(Boolean).join('/').toLowerCase();
  }

  /** True where the host is this platform's own. */
  isPlatform(host: string): boolean {
    const url = this.optional('TAGBOAT_URL');
    return url !== undefined && new URL(url).host === host;
  }
}

const loopback = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/;

/** True where a registry is spoken to without TLS: on this machine alone. */
export const isPlain = (context: StepContext, host: string): boolean =>
  loopback.test(host) || context.isPlatform(host);

/** A client of the registry at this host; the platform's own takes the run's token, others a docker `config.json`. */
export async function registryAt(context: StepContext, host: string): Promise<RegistryClient> {
  const insecure = isPlain(context, host);
  const url = `${insecure ? 'http' : 'https'}://${host === 'docker.io' ? 'registry-1.docker.io' : host}`;
  const token = context.token;
  if (context.isPlatform(host) && token)
    return new RegistryClient({ url, username: 'tagboat', password: token });
  const login = await dockerLogin(context, host);
  return new RegistryClient({ url, ...login });
}

/** What the platform was given for its outside registry, else a docker `config.json`, of the task or of the host. */
export async function dockerLogin(
  context: StepContext,
  host: string,
): Promise<{ username: string; password: string } | undefined> {
  const given = context.optional('TAGBOAT_REGISTRY_AUTH');
  if (given && context.registryHost === host) return split(given);
  const directory = context.optional('DOCKER_CONFIG');
  const text =
    context.optional('TAGBOAT_DOCKER_CONFIG_JSON') ??
    (directory && (await readFile(join(directory, 'config.json'), 'utf8').catch(() => undefined)));
  const auths = text ? (JSON.parse(text) as { auths?: Record<string, { auth?: string }> }).auths : undefined;
  const entry = auths?.[host]?.auth ?? auths?.[`https://${host}`]?.auth;
  return entry ? split(entry) : undefined;
}

function split(auth: string): { username: string; password: string } {
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
