import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KubernetesObject, kinds, type PipelineRun } from '@tagboat/api';
import { runChecked } from '@tagboat/process';
import { PlatformProcess } from '../platform-process.ts';
import { WorkingCopy } from '../project.ts';
import { serving } from '../waits.ts';
import type { Narrator } from './narrator.ts';
import { tellProgress } from './progress.ts';

export const project = 'tour';
export const model = 'flaky-tests';
const namespace = `${project}-staging`;
const question = { name: 'login works', results: [1, 12, 1, 1, 1, 12, 1, 1, 1, 1, 12, 1] };

export interface Answer {
  readonly status: number;
  readonly body: { flakiness?: number; sentence?: string };
  /** The digest of the model that answered. */
  readonly modelDigest: string;
}

/** Everything the tour plays with: a platform, a project, and a place its data comes from. */
export class Stage implements AsyncDisposable {
  readonly narrator: Narrator;
  readonly platform: PlatformProcess;
  readonly copy: WorkingCopy;
  readonly #data: Server;
  readonly #directory: string;
  readonly #stop = new AbortController();
  #telling: Promise<void> = Promise.resolve();
  #grid = Buffer.alloc(0);

  private constructor(parts: {
    narrator: Narrator;
    platform: PlatformProcess;
    copy: WorkingCopy;
    directory: string;
  }) {
    this.narrator = parts.narrator;
    this.platform = parts.platform;
    this.copy = parts.copy;
    this.#directory = parts.directory;
    this.#data = createServer((_request, response) => response.end(this.#grid));
  }

  /** @param example the directory of the demo project */
  static async set(narrator: Narrator, example: string): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), 'tagboat-tour-'));
    await cp(example, join(directory, 'example'), { recursive: true });
    const platform = await PlatformProcess.start();
    const copy = await WorkingCopy.create(() => platform.gitUrl(project, model), {});
    await cp(join(directory, 'example'), copy.directory, { recursive: true });
    const stage = new Stage({ narrator, platform, copy, directory });
    await new Promise<void>((resolve) => stage.#data.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(stage.#data.address() as AddressInfo).port}/testgrid.json.gz`;
    await stage.#takeDataFrom(url);
    await copy.git('remote', 'add', 'tagboat', await platform.gitUrl(project, model));
    await stage.tell();
    return stage;
  }

  /** Tells what the platform's runs do, from now until it ends. */
  async tell(): Promise<void> {
    const tell = (line: string) => this.narrator.note(line);
    const { signal } = this.#stop;
    this.#telling = tellProgress(await this.platform.client(), project, { tell, signal });
  }

  async #takeDataFrom(url: string): Promise<void> {
    const path = join(this.copy.directory, 'tagboat.yaml');
    const text = await readFile(path, 'utf8');
    await this.copy.write({
      'tagboat.yaml': text.replace(/^( +)path: data\/raw.*$/m, `$&\n$1url: "${url}"`),
    });
    await rm(join(this.copy.directory, 'data'), { recursive: true, force: true });
  }

  /** The results of other CI runs stand at the data's URL from now on. */
  async publish(options: { tests: number; jobs: number; seed: number }): Promise<void> {
    const path = join(this.#directory, 'grid.json.gz');
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    await runChecked('python3', [join(this.#directory, 'example', 'make_grid.py'), path, ...words]);
    this.#grid = await readFile(path);
  }

  /** What stands at the data's URL. */
  get grid(): Buffer {
    return this.#grid;
  }

  /** Shows and runs a git command in the project. */
  async git(...args: string[]): Promise<string> {
    this.narrator.command(`git ${args.map((word) => (/\s/.test(word) ? `'${word}'` : word)).join(' ')}`);
    return this.copy.git(...args);
  }

  /** Shows and runs a command of the CLI. */
  async tagboat(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    this.narrator.command(`tagboat ${args.join(' ')}`);
    return this.platform.cli(args, this.copy.directory);
  }

  /** Waits until the tag serves in staging. */
  async serves(tag: string): Promise<KubernetesObject> {
    return serving(await this.platform.client(), { namespace, model, tag });
  }

  /** Asks staging about one test or several. */
  async ask(asked: unknown = question): Promise<Answer> {
    const response = await fetch(`${this.platform.appsUrl}/${namespace}/${model}/predict`, {
      method: 'POST',
      body: JSON.stringify(asked),
    });
    const [body] = [await response.json()].flat() as [Answer['body']];
    return { status: response.status, body, modelDigest: response.headers.get('x-tagboat-model') ?? '' };
  }

  async runsOf(commit: string): Promise<PipelineRun[]> {
    const { items } = await (await this.platform.client()).list<PipelineRun>(kinds.PipelineRun, {
      namespace: project,
      labelSelector: 'tagboat.dev/kind=release',
    });
    return items.filter(({ metadata }) => Object.values(metadata.annotations ?? {}).includes(commit));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#telling;
    await this.platform[Symbol.asyncDispose]();
    await this.copy[Symbol.asyncDispose]();
    this.#data.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
