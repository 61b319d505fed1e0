import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { invalid, TagboatError } from '@tagboat/base';
import { tiedToParent } from '@tagboat/process';
import { gitEnvironment } from './git.ts';

export interface GitObject {
  readonly id: string;
  readonly type: 'commit' | 'tree' | 'blob' | 'tag';
  readonly content: Buffer;
}

interface ObjectHead extends Pick<GitObject, 'id' | 'type'> {
  /** Bytes of the content, which a line break follows. */
  readonly size: number;
}

interface Waiting {
  readonly name: string;
  readonly resolve: (object: GitObject | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Bytes of what is read as a whole at most. */
export const largestRead = 2 ** 30;

/** The line before an object's content (git-cat-file(1), `--batch`); undefined where the name names nothing. */
export function parseHead(line: string): ObjectHead | undefined {
  const found = /^([0-9a-f]+) (commit|tree|blob|tag) (\d+)$/.exec(line);
  return found ? { id: found[1]!, type: found[2] as GitObject['type'], size: Number(found[3]) } : undefined;
}

export const tooLarge = (name: string) =>
  invalid(`${name} is larger than ${largestRead / 2 ** 30} GiB, and cannot be read as a whole`);

/** How long (milliseconds) a git that nobody asks is kept. */
const idle = 5000;

/**
 * Reads objects by one git that stays (git-cat-file(1), `--batch`): to start one for each took most of a step's time
 * with its repository. It keeps no process from ending.
 */
export class ObjectReader {
  readonly #repository: string;
  #child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #waiting: Waiting[] = [];
  #parts: Buffer[] = [];
  #size = 0;
  /** Of the object that comes, once it is known. */
  #coming: ObjectHead | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(repository: string) {
    this.#repository = repository;
  }

  /**
   * @returns undefined where the name (gitrevisions(7)) names nothing, or there is no repository
   * @throws `Invalid` for what is above 1 GiB; `GitFailed` where git ends before it has answered
   */
  read(name: string): Promise<GitObject | undefined> {
    // A name of two lines names nothing, and would be taken for two.
    if (name.includes('\n')) return Promise.resolve(undefined);
    const { promise, resolve, reject } = Promise.withResolvers<GitObject | undefined>();
    clearTimeout(this.#timer);
    const child = this.#running();
    this.#waiting.push({ name, resolve, reject });
    hold(child, true);
    child.stdin.write(`${name}\n`);
    return promise;
  }

  #running(): ChildProcessByStdio<Writable, Readable, null> {
    if (this.#child) return this.#child;
    const [file, words] = tiedToParent('git', ['cat-file', '--batch']);
    const child = spawn(file, words, {
      cwd: this.#repository,
      env: gitEnvironment(),
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#child = child;
    child.stdin.on('error', () => undefined);
    child.stdout.on('data', (data: Buffer) => {
      if (this.#child === child) this.#take(data);
    });
    child.on('error', ({ message }) => this.#ended(child, message));
    child.on('close', (code, signal) => this.#ended(child, code ?? signal));
    return child;
  }

  /** Where there is no repository nothing that was asked is there; nobody knows what a git had that died. */
  #ended(child: ChildProcessByStdio<Writable, Readable, null>, how: number | string | null): void {
    if (this.#child !== child) return;
    this.#forget();
    const isRepository = ['HEAD', '.git'].some((name) => existsSync(join(this.#repository, name)));
    for (const { name, resolve, reject } of this.#waiting.splice(0))
      if (!isRepository) resolve(undefined);
      else
        reject(
          new TagboatError(`git ended (${how}) before it had read ${name} of ${this.#repository}`, {
            reason: 'GitFailed',
          }),
        );
  }

  /** Who asks from now on gets another git: this one reads nothing more. */
  #dismiss(): void {
    this.#child?.stdin.end();
    this.#forget();
  }

  #forget(): void {
    this.#child = undefined;
    this.#parts = [];
    this.#size = 0;
    this.#coming = undefined;
  }

  #take(data: Buffer): void {
    this.#parts.push(data);
    this.#size += data.length;
    while (this.#waiting.length > 0 && (this.#coming ? this.#body() : this.#head()));
    if (this.#waiting.length > 0 || !this.#child) return;
    hold(this.#child, false);
    this.#timer = setTimeout(() => this.#dismiss(), idle).unref();
  }

  /** @returns whether it was there */
  #head(): boolean {
    const all = this.#joined();
    const end = all.indexOf(10);
    if (end < 0) return false;
    this.#rest(all.subarray(end + 1));
    const head = parseHead(all.toString('latin1', 0, end));
    if (!head) this.#waiting.shift()!.resolve(undefined);
    else if (head.size > largestRead) this.#tooLarge();
    else this.#coming = head;
    return true;
  }

  #body(): boolean {
    const { id, type, size } = this.#coming!;
    if (this.#size <= size) return false;
    const all = this.#joined();
    this.#coming = undefined;
    this.#rest(all.subarray(size + 1));
    this.#waiting.shift()!.resolve({ id, type, content: all.subarray(0, size) });
    return true;
  }

  /** It is not read to its end: another git answers what else was asked. */
  #tooLarge(): void {
    const [refused, ...others] = this.#waiting.splice(0);
    this.#child?.kill('SIGKILL');
    this.#forget();
    refused!.reject(tooLarge(refused!.name));
    for (const { name, resolve, reject } of others) this.read(name).then(resolve, reject);
  }

  #joined(): Buffer {
    return this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
  }

  #rest(data: Buffer): void {
    this.#parts = data.length > 0 ? [data] : [];
    this.#size = data.length;
  }
}

/** Whether this process waits for the child. */
function hold(child: ChildProcessByStdio<Writable, Readable, null>, held: boolean): void {
  const what = held ? 'ref' : 'unref';
  for (const one of [child, child.stdin as Socket, child.stdout as Socket]) one[what]();
}
