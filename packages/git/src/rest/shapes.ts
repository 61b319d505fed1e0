import type { CommitStatus, Repository } from '@tagboat/api';
import { sha256 } from '@tagboat/base';
import type { Changes, FileChange } from './changes.ts';
import type { CommitRecord, RefRecord, Signature, TreeEntry } from './git-reader.ts';

/**
 * The JSON of Gitea's REST API (its `modules/structs`), out of what git says. Field names are theirs; where GitHub has
 * one that Gitea lacks (`patch`, `merge_base_commit`, `ahead_by`), GitHub's name is used.
 */
export interface Links {
  /** The API's URL of the repository. */
  readonly api: string;
  /** The console's page of the repository. */
  readonly page: string;
}

const epoch = '1970-01-01T00:00:00Z';
const encoded = (path: string) => path.split('/').map(encodeURIComponent).join('/');

/** A number that stands for a text, for fields that must hold one. */
export const idOf = (text: string): number => Number.parseInt(sha256(text).slice('sha256:'.length, 19), 16);

export const userShape = (login: string) => ({ id: idOf(login), login, username: login, full_name: login });

export const commitMeta = (links: Links, id: string, created = epoch) => ({
  url: `${links.api}/git/commits/${id}`,
  sha: id,
  created,
});

const verification = { verified: false, reason: 'gpg.error.not_signed_commit', signature: '', payload: '' };

export function commitShape(
  links: Links,
  commit: CommitRecord,
  about: { changes?: Changes; stats?: { additions: number; deletions: number; files: number } } = {},
) {
  const stats =
    about.stats ?? (about.changes ? { ...about.changes, files: about.changes.totalFiles } : undefined);
  return {
    ...commitMeta(links, commit.id, commit.committer.date),
    html_url: `${links.page}?commit=${commit.id}`,
    commit: {
      url: `${links.api}/git/commits/${commit.id}`,
      author: commit.author,
      committer: commit.committer,
      message: commit.message,
      tree: {
        url: `${links.api}/git/trees/${commit.tree}`,
        sha: commit.tree,
        created: commit.committer.date,
      },
      verification,
    },
    author: null,
    committer: null,
    parents: commit.parents.map((parent) => commitMeta(links, parent)),
    files: about.changes?.files.map((file) => fileShape(links, commit.id, file)) ?? null,
    stats: stats
      ? {
          total: stats.additions + stats.deletions,
          additions: stats.additions,
          deletions: stats.deletions,
          changed_files: stats.files,
        }
      : null,
  };
}

/** Git writes zeros for a file that is not there. */
const blobOrNone = (id: string): string | null => (/^0+$/.test(id) ? null : id);

/** Gitea's ChangedFile, with GitHub's `patch` and `sha`. */
export const fileShape = (links: Links, commit: string, file: FileChange) => ({
  filename: file.path,
  ...(file.previousPath === undefined ? {} : { previous_filename: file.previousPath }),
  status: file.kind,
  additions: file.additions,
  deletions: file.deletions,
  changes: file.additions + file.deletions,
  binary: file.binary,
  sha: blobOrNone(file.after),
  previous_sha: blobOrNone(file.before),
  contents_url: `${links.api}/contents/${encoded(file.path)}?ref=${commit}`,
  raw_url: `${links.api}/raw/${encoded(file.path)}?ref=${commit}`,
  ...(file.patch === undefined ? {} : { patch: file.patch }),
});

const payloadUser = ({ name, email }: Signature) => ({ name, email, username: '' });

export const branchShape = (links: Links, ref: RefRecord, commit: CommitRecord) => ({
  name: ref.name.replace(/^refs\/heads\//, ''),
  commit: {
    id: commit.id,
    message: commit.message,
    url: `${links.page}?commit=${commit.id}`,
    author: payloadUser(commit.author),
    committer: payloadUser(commit.committer),
    verification,
    timestamp: commit.committer.date,
    added: null,
    removed: null,
    modified: null,
  },
  protected: false,
  required_approvals: 0,
  enable_status_check: false,
  status_check_contexts: [],
  user_can_push: true,
  user_can_merge: true,
  effective_branch_protection_name: '',
});

export const tagShape = (links: Links, ref: RefRecord) => ({
  name: ref.name.replace(/^refs\/tags\//, ''),
  message: ref.message.trim(),
  id: ref.id,
  commit: commitMeta(links, ref.commit, ref.date),
});

const kindOfEntry = (entry: TreeEntry) =>
  entry.type === 'tree'
    ? 'dir'
    : entry.type === 'commit'
      ? 'submodule'
      : entry.mode === '120000'
        ? 'symlink'
        : 'file';

/** Gitea's ContentsResponse; `content` only for a file that was read. */
export function contentsShape(
  links: Links,
  entry: TreeEntry,
  about: { ref: string; content?: Buffer | undefined },
) {
  const type = kindOfEntry(entry);
  const content = type === 'file' ? about.content : undefined;
  const self = `${links.api}/contents/${encoded(entry.path)}?ref=${encodeURIComponent(about.ref)}`;
  const object = `${links.api}/git/${entry.type === 'tree' ? 'trees' : 'blobs'}/${entry.id}`;
  const page = `${links.page}?${new URLSearchParams({ ref: about.ref, path: entry.path })}`;
  return {
    name: entry.path.split('/').at(-1)!,
    path: entry.path,
    sha: entry.id,
    type,
    size: entry.size,
    encoding: content ? 'base64' : null,
    content: content ? content.toString('base64') : null,
    target: type === 'symlink' ? (about.content?.toString('utf8') ?? null) : null,
    url: self,
    html_url: page,
    git_url: type === 'submodule' ? null : object,
    download_url:
      type === 'file' ? `${links.api}/raw/${encoded(entry.path)}?ref=${encodeURIComponent(about.ref)}` : null,
    submodule_git_url: null,
    _links: { self, git: object, html: page },
  };
}

export const treeEntryShape = (links: Links, entry: TreeEntry) => ({
  path: entry.path,
  mode: entry.mode,
  type: entry.type,
  size: entry.size,
  sha: entry.id,
  url:
    entry.type === 'commit'
      ? ''
      : `${links.api}/git/${entry.type === 'tree' ? 'trees' : 'blobs'}/${entry.id}`,
});

export function repositoryShape(
  links: Links,
  repository: Repository,
  about: { empty: boolean; size: number; openPulls: number; updated: string | undefined },
) {
  const { namespace = '', name, creationTimestamp = epoch, uid = '' } = repository.metadata;
  return {
    id: idOf(uid),
    owner: userShape(namespace),
    name,
    full_name: `${namespace}/${name}`,
    description: '',
    empty: about.empty,
    private: true,
    fork: false,
    template: false,
    mirror: repository.spec?.url !== undefined,
    original_url: repository.spec?.url ?? '',
    size: about.size,
    url: links.api,
    html_url: links.page,
    clone_url: repository.status?.url ?? '',
    ssh_url: '',
    default_branch: repository.status?.defaultBranch ?? 'main',
    archived: false,
    created_at: creationTimestamp,
    updated_at: about.updated ?? creationTimestamp,
    permissions: { admin: true, push: true, pull: true },
    has_pull_requests: repository.spec?.url === undefined,
    open_pr_counter: about.openPulls,
    allow_merge_commits: true,
    allow_fast_forward_only_merge: true,
    allow_squash_merge: true,
    allow_rebase: false,
    default_merge_style: 'merge',
  };
}

export function statusShape(links: Links, status: CommitStatus) {
  const spec = status.spec!;
  return {
    id: idOf(status.metadata.uid ?? status.metadata.name),
    status: spec.state,
    state: spec.state,
    target_url: spec.targetUrl ?? '',
    description: spec.description ?? '',
    url: `${links.api}/statuses/${spec.commit}`,
    context: spec.context,
    creator: spec.creator ? userShape(spec.creator) : null,
    created_at: status.metadata.creationTimestamp ?? epoch,
    updated_at: spec.updatedAt,
  };
}

const severity = ['error', 'failure', 'pending', 'warning', 'success'];

/** The worst of several states; no statuses at all: `pending`, as forges say. */
export function combinedState(statuses: readonly CommitStatus[]): string {
  const states = statuses.map(({ spec }) => spec?.state ?? 'pending');
  return severity.find((state) => states.includes(state as never)) ?? 'pending';
}
