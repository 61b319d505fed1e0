import type { Repository } from '@tagboat/api';
import type { TagboatError } from '@tagboat/base';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { client, fetchJson, withQuery } from './client.ts';
import { useJson } from './query.ts';

/** The part of Gitea's API that the console reads. */
export interface GitCommit {
  readonly sha: string;
  readonly created: string;
  readonly commit: {
    readonly message: string;
    readonly author: { readonly name: string; readonly email: string; readonly date: string };
  };
  readonly parents: readonly { readonly sha: string }[];
  readonly files: readonly ChangedFile[] | null;
  readonly stats: { readonly additions: number; readonly deletions: number } | null;
}

export interface ChangedFile {
  readonly filename: string;
  readonly previous_filename?: string;
  readonly status: string;
  readonly additions: number;
  readonly deletions: number;
  readonly binary: boolean;
  /** Blob ids; null or absent where the file is not there. */
  readonly sha: string | null;
  readonly previous_sha: string | null;
  readonly patch?: string;
}

export interface GitTag {
  readonly name: string;
  readonly message: string;
  readonly commit: { readonly sha: string; readonly created: string };
}

export interface GitBranch {
  readonly name: string;
  readonly commit: {
    readonly id: string;
    readonly message: string;
    readonly timestamp: string;
    readonly author: { readonly name: string };
  };
}

export interface GitEntry {
  readonly name: string;
  readonly path: string;
  readonly sha: string;
  readonly type: 'file' | 'dir' | 'symlink' | 'submodule';
  readonly size: number;
  readonly content: string | null;
  readonly last_committer_date?: string | null;
  readonly last_commit_sha?: string | null;
}

export interface GitComparison {
  readonly status: string;
  readonly total_commits: number;
  readonly behind_by: number;
  readonly commits: readonly GitCommit[];
  readonly base_commit: GitCommit;
  readonly total_files: number;
  readonly additions: number;
  readonly deletions: number;
  readonly files: readonly ChangedFile[];
}

export interface RepositoryName {
  readonly project: string;
  readonly name: string;
}

const encodedPath = (path: string) => path.split('/').map(encodeURIComponent).join('/');

/** The address of a repository's API. */
export const gitApi = ({ project, name }: RepositoryName) => `/git/api/v1/repos/${project}/${name}`;

/** The address of a file's bytes; the platform serves them so that they cannot act as a page. */
export const rawUrl = (repository: RepositoryName, path: string, ref: string) =>
  withQuery(`${gitApi(repository)}/raw/${encodedPath(path)}`, { ref });

const refsPerPage = 100;

/** Branches or tags, the newest first, as many pages as were asked for. */
function useRefs<T>(repository: RepositoryName, kind: 'branches' | 'tags') {
  return useInfiniteQuery<T[], TagboatError, { pages: T[][] }, unknown[], number>({
    queryKey: [kind, repository],
    initialPageParam: 1,
    queryFn: ({ pageParam }) =>
      fetchJson<T[]>(
        withQuery(`${gitApi(repository)}/${kind}`, { limit: String(refsPerPage), page: String(pageParam) }),
      ),
    getNextPageParam: (last, _pages, page) => (last.length === refsPerPage ? page + 1 : undefined),
  });
}

export const useBranches = (repository: RepositoryName) => useRefs<GitBranch>(repository, 'branches');

export const useTags = (repository: RepositoryName) => useRefs<GitTag>(repository, 'tags');

export const useCommit = (repository: RepositoryName, ref: string | undefined) =>
  useJson<GitCommit>(
    ref === undefined ? undefined : `${gitApi(repository)}/commits/${encodeURIComponent(ref)}`,
  );

/** `base...head`: what head has since they parted. */
export const useComparison = (repository: RepositoryName, refs: { base: string; head: string } | undefined) =>
  useJson<GitComparison>(
    refs && `${gitApi(repository)}/compare/${encodedPath(refs.base)}...${encodedPath(refs.head)}`,
  );

/** A directory's entries, or one file with its content. */
export const useContents = (repository: RepositoryName, path: string, ref: string | undefined) =>
  useJson<GitEntry[] | GitEntry>(
    ref === undefined ? undefined : withQuery(`${gitApi(repository)}/contents/${encodedPath(path)}`, { ref }),
  );

const commitsPerPage = 40;

/** Commits from a ref backwards, as many as were asked for. */
export function useCommits(repository: RepositoryName, ref: string | undefined, path = '') {
  return useInfiniteQuery<GitCommit[], TagboatError, { pages: GitCommit[][] }, unknown[], number>({
    queryKey: ['commits', repository, ref, path],
    enabled: ref !== undefined,
    initialPageParam: 1,
    queryFn: ({ pageParam }) =>
      fetchJson<GitCommit[]>(
        withQuery(`${gitApi(repository)}/commits`, {
          sha: ref,
          path,
          limit: String(commitsPerPage),
          page: String(pageParam),
        }),
      ),
    getNextPageParam: (last, _pages, page) => (last.length === commitsPerPage ? page + 1 : undefined),
  });
}

/** The text of a blob; undefined while there is no id. */
export function useBlobText(repository: RepositoryName, sha: string | null | undefined) {
  return useQuery<string, TagboatError>({
    queryKey: ['blob', repository, sha],
    enabled: Boolean(sha),
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => blobText(repository, sha!),
  });
}

export async function blobText(repository: RepositoryName, sha: string): Promise<string> {
  const { content } = await fetchJson<{ content: string | null }>(`${gitApi(repository)}/git/blobs/${sha}`);
  return textOfBase64(content ?? '');
}

/** The text of a file at a ref, with its blob id. */
export async function readFile(
  repository: RepositoryName,
  path: string,
  ref: string,
): Promise<GitEntry & { text: string }> {
  const entry = await fetchJson<GitEntry>(
    withQuery(`${gitApi(repository)}/contents/${encodedPath(path)}`, { ref }),
  );
  return { ...entry, text: textOfBase64(entry.content ?? '') };
}

export function textOfBase64(content: string): string {
  return new TextDecoder().decode(
    Uint8Array.from(atob(content.replace(/\s/g, '')), (part) => part.charCodeAt(0)),
  );
}

export function base64OfText(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (part) => String.fromCharCode(part)).join(''));
}

export interface FileChange {
  readonly path: string;
  /** Undefined: the file is removed. */
  readonly text?: string;
  /** The blob id that it must have now; absent for a new file. */
  readonly sha?: string;
}

/** Changes files by one commit. @throws `Conflict` or `Invalid` where a file is not what it was */
export async function commitChanges(
  repository: RepositoryName,
  { branch, message, files }: { branch: string; message: string; files: readonly FileChange[] },
): Promise<string> {
  const body = {
    branch,
    message,
    files: files.map(({ path, text, sha }) => ({
      operation: text === undefined ? 'delete' : sha ? 'update' : 'create',
      path,
      ...(text === undefined ? {} : { content: base64OfText(text) }),
      ...(sha ? { sha } : {}),
    })),
  };
  const response = await client.request('POST', `${gitApi(repository)}/contents`, body);
  return ((await response.json()) as { commit: { sha: string } }).commit.sha;
}

/** Subject, body and trailers of a commit message. */
export function readMessage(message: string): {
  subject: string;
  body: string;
  trailers: Readonly<Record<string, string>>;
} {
  const [subject = '', ...rest] = message.trim().split('\n');
  const body = rest.join('\n').trim();
  const last = body.split(/\n\s*\n/).at(-1) ?? '';
  const lines = last.split('\n').map((line) => /^([A-Za-z][A-Za-z-]*): (.*)$/.exec(line));
  const trailers = lines.every(Boolean) ? lines.map((match) => [match![1]!, match![2]!] as const) : [];
  return { subject, body, trailers: Object.fromEntries(trailers) };
}

/** Where a repository is cloned from, without a login that its URL may hold. */
export function cloneUrl({ spec, status }: Repository): string | undefined {
  const url = status?.url ?? spec?.url;
  if (!url || !URL.canParse(url)) return url;
  const plain = new URL(url);
  plain.username = '';
  plain.password = '';
  return plain.href;
}
