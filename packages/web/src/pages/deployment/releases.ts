import { conflict, notFound } from '@tagboat/base';
import { deploymentBranch, type Release, releaseMessage } from '@tagboat/render/deployment';
import type { Model } from '@tagboat/render/model-spec';
import { pinRelease, type ReleasePlace, readRelease, releasePlace } from '@tagboat/render/release-files';
import { fetchJson } from '../../data/client.ts';
import {
  blobText,
  commitChanges,
  type FileChange,
  type GitCommit,
  gitApi,
  type RepositoryName,
  readFile,
  readMessage,
} from '../../data/git.ts';

/** A commit that would be made, to be shown before it is. */
export interface PlannedCommit {
  readonly message: string;
  readonly files: readonly (FileChange & { readonly before: string })[];
  /** What is released before and after; undefined: nothing. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** The files of a deployment repository at its head; written ones are kept here. */
class Draft {
  readonly #repository: RepositoryName;
  readonly #known = new Map<string, { text: string; sha: string } | undefined>();
  readonly #written = new Map<string, string>();

  constructor(repository: RepositoryName) {
    this.#repository = repository;
  }

  async read(path: string): Promise<string | undefined> {
    if (this.#written.has(path)) return this.#written.get(path);
    if (!this.#known.has(path)) this.#known.set(path, await this.#fetch(path));
    return this.#known.get(path)?.text;
  }

  async write(path: string, content: string): Promise<void> {
    await this.read(path);
    this.#written.set(path, content);
  }

  changes(): PlannedCommit['files'] {
    return [...this.#written]
      .filter(([path, text]) => this.#known.get(path)?.text !== text)
      .map(([path, text]) => {
        const known = this.#known.get(path);
        return { path, text, before: known?.text ?? '', ...(known ? { sha: known.sha } : {}) };
      });
  }

  async #fetch(path: string) {
    try {
      const { text, sha } = await readFile(this.#repository, path, deploymentBranch);
      return { text, sha };
    } catch (error) {
      if ((error as { reason?: string }).reason === 'NotFound') return undefined;
      throw error;
    }
  }
}

const newestCommits = (repository: RepositoryName, path: string) =>
  fetchJson<GitCommit[]>(
    `${gitApi(repository)}/commits?${new URLSearchParams({ sha: deploymentBranch, path, limit: '100' })}`,
  );

/** An environment of a model, and where it is released. */
export interface EnvironmentPlace {
  readonly environment: string;
  readonly place: ReleasePlace;
}

/** Where an environment is released, by what its model declares. */
export function environmentPlace(
  { model }: { readonly model: string },
  environment: string,
  object: Model | undefined,
): EnvironmentPlace {
  const target = object?.spec?.deploy.find((found) => found.environment === environment);
  return { environment, place: releasePlace(model, target ?? { environment }) };
}

/** The commit by which what runs in one environment goes to another: the same as `tagboat promote` makes. @throws `NotFound` */
export async function planPromotion(
  repository: RepositoryName,
  { from, to }: { from: EnvironmentPlace; to: EnvironmentPlace },
): Promise<PlannedCommit> {
  const draft = new Draft(repository);
  const release = await readRelease(draft, from.place);
  if (!release) throw notFound(`nothing is released in ${from.environment}`);
  const now = await readRelease(draft, to.place);
  const same = now?.imageDigest === release.imageDigest && now.tag === release.tag;
  if (!same) await pinRelease(draft, to.place, release);
  const commits = await newestCommits(repository, from.place.directory);
  const trailers = commits.map(({ commit }) => readMessage(commit.message).trailers);
  const sequence = trailers.find((found) => found['Tagboat-Run'] === release.run)?.['Tagboat-Sequence'];
  return {
    message: releaseMessage(to.environment, release, Number(sequence ?? 0)),
    files: draft.changes(),
    from: now?.tag,
    to: release.tag,
  };
}

/** The commit that takes the newest release of an environment back, as `tagboat rollback` does. @throws `NotFound`, `Conflict` */
export async function planRollback(
  repository: RepositoryName,
  { environment, place }: EnvironmentPlace,
): Promise<PlannedCommit> {
  const draft = new Draft(repository);
  const release = await readRelease(draft, place);
  if (!release) throw notFound(`nothing is released in ${environment}`);
  const commits = await newestCommits(repository, place.directory);
  const released = commits.find(({ commit }) => releases(commit.message, { environment, release }));
  if (!released)
    throw notFound(`the commit that released ${release.tag} in ${environment} is not in the history`);
  const { files, commit } = await fetchJson<GitCommit>(`${gitApi(repository)}/commits/${released.sha}`);
  const back = await Promise.all(
    (files ?? []).map(async ({ filename, sha, previous_sha: before }) => {
      const present = await readFile(repository, filename, deploymentBranch);
      return {
        path: filename,
        before: present.text,
        ...(before ? { text: await blobText(repository, before) } : {}),
        sha: present.sha,
        isChanged: present.sha !== sha,
      };
    }),
  );
  const texts = new Map(back.map(({ path, text }) => [path, text]));
  const previous = await readRelease(
    { read: async (path) => (texts.has(path) ? texts.get(path) : draft.read(path)) },
    place,
  );
  const changed = back.some(({ isChanged }) => isChanged);
  if (changed && !previous)
    throw conflict(
      `commit ${released.sha.slice(0, 10)} cannot be reverted cleanly: later commits changed the same files`,
      { hint: 'revert it in a clone of the repository, where what conflicts can be resolved' },
    );
  if (changed) await pinRelease(draft, place, previous!);
  const { subject } = readMessage(commit.message);
  return {
    message: `Revert "${subject}"\n\nThis reverts commit ${released.sha}.\n\nTagboat-Rollback: ${environment} ${release.tag}\n`,
    files: changed ? draft.changes() : back.map(({ isChanged: _, ...file }) => file),
    from: release.tag,
    to: previous?.tag,
  };
}

function releases(
  message: string,
  { environment, release }: { environment: string; release: Release },
): boolean {
  const { trailers, subject } = readMessage(message);
  return (
    trailers['Tagboat-Environment'] === environment &&
    trailers['Tagboat-Tag'] === release.tag &&
    trailers['Tagboat-Run'] === release.run &&
    !subject.startsWith('Revert ')
  );
}

/** Makes the commit that was shown. @returns its id. @throws where a file is not what it was */
export function makeCommit(repository: RepositoryName, { message, files }: PlannedCommit): Promise<string> {
  return commitChanges(repository, {
    branch: deploymentBranch,
    message,
    files: files.map(({ before: _, ...file }) => file),
  });
}
