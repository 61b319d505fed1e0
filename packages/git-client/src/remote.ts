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

/**
 * A bare clone of `url` in `directory`, made or brought up to date; all refs, pruned. A clone that is broken is made anew.
 */
export async function fetchMirror(
  url: string,
  directory: string,
  options: { credentials?: Credentials; signal?: AbortSignal } = {},
): Promise<void> {
  checkUrl(url);
  if (existsSync(directory)) {
    try {
      await git(['fetch', '--quiet', '--prune', '--force', '--', url, '+refs/*:refs/*'], {
        ...options,
        cwd: directory,
      });
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
    await rename(temporary, directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

export type { GitOptions };
