import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conflict, invalid, notFound } from '@tagboat/base';
import { git } from '@tagboat/git-client';
import { checkPath, type GitReader } from './git-reader.ts';

export interface FileOperation {
  readonly operation: 'create' | 'update' | 'delete' | 'upload';
  readonly path: string;
  /** The new content; absent when deleting. */
  readonly content?: Buffer;
  /** The blob that is being replaced or deleted: another one means that somebody else was first. */
  readonly sha?: string;
  /** Where the file was before, when it is moved. */
  readonly fromPath?: string;
}

export interface Person {
  readonly name: string;
  readonly email: string;
  /** RFC 3339; absent: now. */
  readonly date?: string;
}

export interface ChangeRequest {
  readonly branch: string;
  /** The commit to start from; undefined in an empty repository. */
  readonly parent: string | undefined;
  /** What the branch names now; undefined where it is new. */
  readonly before: string | undefined;
  readonly message: string;
  readonly author?: Person | undefined;
  readonly operations: readonly FileOperation[];
}

/** The message of a change that nobody gave one for, as Gitea words it. */
export function defaultMessage(operations: readonly FileOperation[]): string {
  const verbs = { create: 'Add', update: 'Update', delete: 'Delete', upload: 'Write' } as const;
  return operations.map(({ operation, path }) => `${verbs[operation]} ${path}`).join('\n');
}

/**
 * Commits changes of files to a branch of a bare repository, without a working tree; the branch moves only if nobody
 * else moved it. @returns the new commit @throws `Conflict`, `NotFound`, `Invalid`
 */
export async function commitChanges(reader: GitReader, request: ChangeRequest): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-index-'));
  try {
    const index = new Index(reader, join(directory, 'index'));
    if (request.parent) await index.git(['read-tree', request.parent]);
    for (const operation of request.operations) await index.apply(operation, request.parent);
    const tree = await index.git(['write-tree']);
    const commit = await makeCommit(reader, {
      tree,
      parents: request.parent ? [request.parent] : [],
      message: request.message,
      author: request.author,
    });
    await moveRef(reader, { ref: `refs/heads/${request.branch}`, to: commit, from: request.before });
    return commit;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export async function makeCommit(
  reader: GitReader,
  about: {
    tree: string;
    parents: readonly string[];
    message: string;
    author?: Person | undefined;
    committer?: Person | undefined;
  },
): Promise<string> {
  const { author, committer = author } = about;
  const { stdout } = await git(
    ['commit-tree', about.tree, ...about.parents.flatMap((parent) => ['-p', parent]), '-F', '-'],
    {
      cwd: reader.directory,
      stdin: about.message.endsWith('\n') ? about.message : `${about.message}\n`,
      environment: {
        ...(author ? { GIT_AUTHOR_NAME: author.name, GIT_AUTHOR_EMAIL: author.email } : {}),
        ...(author?.date ? { GIT_AUTHOR_DATE: author.date } : {}),
        ...(committer ? { GIT_COMMITTER_NAME: committer.name, GIT_COMMITTER_EMAIL: committer.email } : {}),
      },
    },
  );
  return stdout.toString('utf8').trim();
}

/** Moves a ref from one commit to another. `from` undefined: it must not exist. @throws `Conflict` */
export async function moveRef(
  reader: GitReader,
  { ref, to, from }: { ref: string; to: string; from: string | undefined },
): Promise<void> {
  await git(['update-ref', '--create-reflog', '-m', 'tagboat', ref, to, from ?? '0'.repeat(to.length)], {
    cwd: reader.directory,
  }).catch((cause: unknown) => {
    throw conflict(`${ref} moved in the meantime`, { hint: 'read it again and repeat the change', cause });
  });
}

class Index {
  readonly #reader: GitReader;
  readonly #file: string;

  constructor(reader: GitReader, file: string) {
    this.#reader = reader;
    this.#file = file;
  }

  async git(args: readonly string[], stdin?: Buffer): Promise<string> {
    const { stdout } = await git(args, {
      cwd: this.#reader.directory,
      environment: { GIT_INDEX_FILE: this.#file, GIT_LITERAL_PATHSPECS: '1' },
      ...(stdin ? { stdin } : {}),
    });
    return stdout.toString('utf8').trim();
  }

  async apply(operation: FileOperation, parent: string | undefined): Promise<void> {
    const path = checkPath(operation.path);
    if (path === '' || /(^|\/)\.git(\/|$)/i.test(path)) throw invalid(`"${path}" cannot be a file`);
    const source = operation.fromPath === undefined ? path : checkPath(operation.fromPath);
    const entry = parent ? await this.#reader.entry(parent, source) : undefined;
    this.#check(operation, { source, found: entry?.type === 'blob' ? entry.id : undefined, taken: !!entry });
    if (operation.operation === 'delete' || source !== path) await this.#remove(source, entry!.id);
    if (operation.operation === 'delete') return;
    const id = operation.content
      ? await this.git(['hash-object', '-w', '--stdin'], operation.content)
      : entry!.id;
    const mode = entry?.mode === '100755' ? '100755' : '100644';
    await this.git(['update-index', '--add', '--cacheinfo', `${mode},${id},${path}`]).catch(() => {
      throw invalid(`"${path}" cannot be written: a part of it is a file already`);
    });
  }

  /** In the form that works without a working tree (git-update-index(1), --index-info). */
  async #remove(path: string, id: string): Promise<void> {
    const line = `0 ${'0'.repeat(id.length)}\t${path}\0`;
    await this.git(['update-index', '-z', '--index-info'], Buffer.from(line));
  }

  #check(
    { operation, sha, content }: FileOperation,
    { source, found, taken }: { source: string; found: string | undefined; taken: boolean },
  ): void {
    if (operation !== 'delete' && !content && (operation === 'create' || !found))
      throw invalid(`expected the content of "${source}"`);
    if (operation === 'create' && taken)
      throw invalid(`"${source}" exists already`, { hint: 'send its sha to update it' });
    if ((operation === 'update' || operation === 'delete') && !found)
      throw notFound(`there is no file "${source}"`);
    if (operation === 'upload' && taken && !found) throw invalid(`"${source}" is not a file`);
    if (sha !== undefined && found !== undefined && sha !== found)
      throw conflict(`"${source}" was changed in the meantime: expected ${sha}, found ${found}`, {
        hint: 'read it again',
      });
  }
}
