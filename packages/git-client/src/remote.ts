import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Credentials, checkUrl, type GitOptions, git } from './git.ts';

export interface RemoteRefs {
  /** Full ref name -> commit (annotated tags peeled). */
  readonly refs: Record<string, string>;
  /** The branch that HEAD names, such as `main`. */
  readonly defaultBranch: string | undefined;
}

/** What `git ls-remote` sees. @throws `Unauthorized`, `NotFound`, `Unavailable` */
export async function lsRemote(
  url: string,
  options: { credentials?: Credentials; signal?: AbortSignal } = {},
): Promise<RemoteRefs> {
  const { stdout } = await git(['ls-remote', '--symref', '--', checkUrl(url)], {
    ...options,
    timeout: 60_000,
  });
  return parseRefs(stdout.toString('utf8'));
}

/** Reads the output of `git ls-remote --symref` or `git show-ref --dereference`. */
export function parseRefs(text: string): RemoteRefs {
  const refs: Record<string, string> = {};
  let defaultBranch: string | undefined;
  for (const line of text.split('\n')) {
    const symbolic = /^ref: refs\/heads\/(\S+)\s+HEAD$/.exec(line);
    if (symbolic) defaultBranch = symbolic[1];
    const [id, name] = line.split(/\s+/);
    if (!id || !name?.startsWith('refs/') || !/^[0-9a-f]{40,64}$/.test(id)) continue;
    refs[name.replace(/\^\{\}$/, '')] = id;
  }
  return { refs, defaultBranch };
}

type FetchOptions = { credentials?: Credentials; signal?: AbortSignal };

interface Turns {
  running: Promise<void>;
  /** Not begun yet: what it will see is at least as new as what anybody wants who asks now. */
  next: Promise<void> | undefined;
}

const turns = new Map<string, Turns>();

/**
 * A bare clone of `url` in `directory`, made or brought up to date; all refs, pruned. A clone that is broken is made anew.
 * Several at once for one directory take turns, as git would refuse to move the same refs twice; those that wait share one.
 */
export async function fetchMirror(url: string, directory: string, options: FetchOptions = {}): Promise<void> {
  checkUrl(url);
  const key = JSON.stringify([url, directory]);
  const current = turns.get(key);
  const start = () => bringUpToDate(url, directory, options);
  if (current) {
    current.next ??= current.running.catch(() => undefined).then(() => begin(key, start));
    return current.next;
  }
  return begin(key, start);
}

function begin(key: string, start: () => Promise<void>): Promise<void> {
  const turn: Turns = { running: start(), next: undefined };
  turns.set(key, turn);
  const ended = () => {
    if (turns.get(key) === turn && !turn.next) turns.delete(key);
  };
  turn.running.then(ended, ended);
  return turn.running;
}

async function bringUpToDate(url: string, directory: string, options: FetchOptions): Promise<void> {
  if (existsSync(directory)) {
    try {
      await update(url, directory, options);
      return;
    } catch (error) {
      const intact = await git(['rev-parse', '--git-dir'], { cwd: directory }).then(
        () => true,
        () => false,
      );
      if (intact) throw error;
      await rm(directory, { recursive: true, force: true });
    }
  }
  const temporary = `${directory}.${randomUUID()}`;
  await mkdir(dirname(directory), { recursive: true });
  try {
    await git(['clone', '--quiet', '--mirror', '--', url, temporary], options);
    await rename(temporary, directory).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      // Somebody made one meanwhile, which need not hold what was just fetched: it may be empty.
      await update(url, directory, options);
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function update(url: string, directory: string, options: FetchOptions): Promise<void> {
  await git(['fetch', '--quiet', '--prune', '--force', '--', url, '+refs/*:refs/*'], {
    ...options,
    cwd: directory,
  });
}

export type { GitOptions };
