import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformProcess } from '@tagboat/dev-env';
import { runChecked } from '@tagboat/process';
import { kubectlBinary } from './kubectl-binary.ts';

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A platform of its own with a kubectl that is set up by `tagboat kubeconfig`. */
export class Cluster implements AsyncDisposable {
  readonly platform: PlatformProcess;
  readonly kubeconfig: string;
  readonly #kubectl: string;

  private constructor(platform: PlatformProcess, kubectl: string, kubeconfig: string) {
    this.platform = platform;
    this.#kubectl = kubectl;
    this.kubeconfig = kubeconfig;
  }

  static async start(): Promise<Cluster> {
    const kubectl = await kubectlBinary();
    const platform = await PlatformProcess.start();
    const { stdout } = await platform.cli(['kubeconfig']);
    const kubeconfig = join(platform.home, 'kubeconfig');
    await writeFile(kubeconfig, stdout, { mode: 0o600 });
    return new Cluster(platform, kubectl, kubeconfig);
  }

  get environment(): NodeJS.ProcessEnv {
    return { ...process.env, KUBECONFIG: this.kubeconfig, HOME: this.platform.home };
  }

  /** Runs kubectl; words are separated by spaces, a list is taken as it is. */
  run(
    words: string | readonly string[],
    input = '',
    environment: Record<string, string> = {},
  ): Promise<Answer> {
    const args = typeof words === 'string' ? words.split(' ') : words;
    return new Promise((resolve, reject) => {
      const child = spawn(this.#kubectl, args, { env: { ...this.environment, ...environment } });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (data: Buffer) => {
        stdout += data.toString('utf8');
      });
      child.stderr.on('data', (data: Buffer) => {
        stderr += data.toString('utf8');
      });
      child.on('error', reject);
      child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
      child.stdin.end(input);
    });
  }

  /** Its output. @throws where it fails */
  async kubectl(
    words: string | readonly string[],
    input = '',
    environment: Record<string, string> = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await this.run(words, input, environment);
    if (code !== 0) throw new Error(`kubectl ${words} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  apply(...objects: object[]): Promise<string> {
    return this.kubectl('apply -f -', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  }

  /** Runs a Python script that gets the command line of this kubectl: for what needs a terminal. */
  async terminal(script: string, words: readonly string[]): Promise<string> {
    const { stdout } = await runChecked('python3', ['-c', script, this.#kubectl, ...words], {
      env: this.environment,
    });
    return stdout.toString('utf8');
  }

  /** Starts a kubectl that goes on by itself. Dispose to end it. */
  background(words: string): AsyncDisposable & { until(pattern: RegExp): Promise<RegExpExecArray> } {
    const child = spawn(this.#kubectl, words.split(' '), { env: this.environment });
    const closed = new Promise((resolve) => child.once('close', resolve));
    let output = '';
    const looks = new Set<() => void>();
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => {
        output += data.toString('utf8');
        for (const look of looks) look();
      });
    return {
      until: (pattern) =>
        new Promise((resolve, reject) => {
          const look = () => {
            const match = pattern.exec(output);
            if (match) resolve(match);
          };
          looks.add(look);
          void closed.then(() => reject(new Error(`kubectl ${words} ended: ${output}`)));
          look();
        }),
      async [Symbol.asyncDispose]() {
        child.kill();
        await closed;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.platform[Symbol.asyncDispose]();
  }
}

export const pod = (name: string, command: readonly string[], more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image: 'python', command, ...more }],
  },
});

export const deployment = (name: string, environment = '1'): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            image: 'python',
            command: ['sleep', '1000'],
            env: [{ name: 'A', value: environment }],
          },
        ],
      },
    },
  },
});

export const configMap = (
  name: string,
  data: Record<string, string> = { a: '1' },
  labels: object = {},
): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels },
  data,
});
