import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, invalid, notFound, safeJoin, TagboatError } from '@tagboat/base';
import { runCommand } from '@tagboat/process';
import { git, gitEnvironment } from './git.ts';
import { replacePointers } from './lfs.ts';
import { blobDigests, readObjects } from './objects.ts';

export interface TreeFile {
  readonly path: string;
  /** `100644`, `100755` (executable), `120000` (link), `160000` (submodule). */
  readonly mode: string;
  /** The blob's object id, which names its content. */
  readonly id: string;
  readonly size: number;
}

/** What is read beside a commit, not after it. */
export interface ReadBeside {
  /** Files will be listed and exported: by an index that stays in the repository, for the next who exports them. */
  readonly exported?: boolean;
}

const fullId = /^[0-9a-f]{40,64}$/;

/** One commit of a repository on this machine, bare or not. */
export class Commit {
  readonly repository: string;
  readonly id: string;
  /** What was read before: a commit never changes. */
  readonly #object: string;
  readonly #known = new Map<string, Promise<unknown>>();

  private constructor(repository: string, id: string, object: string) {
    this.repository = repository;
    this.id = id;
    this.#object = object;
  }

  /**
   * @param ahead paths of files that will be read: they come with the commit, at no cost of their own
   * @throws `NotFound` when the revision names nothing, `NotACommit` when it names a tree or a blob
   */
  static async at(
    repository: string,
    revision: string,
    ahead: readonly string[] = [],
    { exported = false }: ReadBeside = {},
  ): Promise<Commit> {
    const name = `${revision}^{commit}`;
    const beside = exported && fullId.test(revision) ? listAndIndex(repository, revision) : [];
    for (const [, begun] of beside) begun.catch(() => undefined);
    const names = [name, ...ahead.map((path) => `${name}:${path}`)];
    const [found, ...files] = await readObjects(repository, names);
    if (found?.type !== 'commit') throw await noCommit(repository, revision);
    const commit = new Commit(repository, found.id, found.content.toString('utf8'));
    for (const [what, begun] of beside) commit.#known.set(what, begun);
    for (const [index, path] of ahead.entries()) {
      const content = files[index]?.type === 'blob' ? files[index].content : undefined;
      commit.#known.set(`content ${path}`, Promise.resolve(content));
    }
    return commit;
  }

  #once<T>(what: string, read: () => Promise<T>): Promise<T> {
    const known = this.#known.get(what) as Promise<T> | undefined;
    if (known) return known;
    const reading = read();
    this.#known.set(what, reading);
    reading.catch(() => this.#known.delete(what));
    return reading;
  }

  /** All files below `path`, sorted. */
  files(path = ''): Promise<readonly TreeFile[]> {
    return this.#once(`files ${path}`, () => listFiles(this.repository, this.id, path));
  }

  /** True where there is a file or directory. */
  async exists(path: string): Promise<boolean> {
    const { code } = await runCommand('git', ['cat-file', '-e', `${this.id}:${path}`], {
      cwd: this.repository,
      env: gitEnvironment(),
    });
    return code === 0;
  }

  /** Which of these paths are files or directories of their own: links and submodules are neither. */
  kinds(paths: readonly string[]): Promise<ReadonlyMap<string, 'file' | 'directory'>> {
    return this.#once(`kinds ${paths.join('\0')}`, () => this.#kinds(paths));
  }

  async #kinds(paths: readonly string[]): Promise<Map<string, 'file' | 'directory'>> {
    const { stdout } = await git(['ls-tree', '-z', '--full-tree', this.id, '--', ...paths], {
      cwd: this.repository,
    });
    const lines = stdout.toString('utf8').split('\0').filter(Boolean);
    return new Map(
      lines.flatMap((line) => {
        const path = line.slice(line.indexOf('\t') + 1);
        const kind = line.startsWith('040000') ? 'directory' : line.startsWith('100') ? 'file' : undefined;
        return kind ? [[path, kind] as const] : [];
      }),
    );
  }

  /** The sha256 of the content of files of `files()`, in their order, however large they are. */
  digests(files: readonly TreeFile[]): Promise<Digest[]> {
    return blobDigests(
      this.repository,
      files.map(({ id }) => id),
    );
  }

  /** The content of a file, or undefined where there is none. @throws `Invalid` for one above 1 GiB */
  async read(path: string): Promise<Buffer | undefined> {
    const known = `content ${path}`;
    if (this.#known.has(known)) return this.#known.get(known) as Promise<Buffer | undefined>;
    const [found] = await readObjects(this.repository, [`${this.id}:${path}`]);
    return found?.type === 'blob' ? found.content : undefined;
  }

  async readText(path: string): Promise<string | undefined> {
    return (await this.read(path))?.toString('utf8');
  }

  /** The texts of several files of `files()`, in their order, by one git. */
  readTexts(files: readonly TreeFile[]): Promise<readonly string[]> {
    return this.#once(`texts ${files.map(({ id }) => id).join(' ')}`, () => this.#readTexts(files));
  }

  async #readTexts(files: readonly TreeFile[]): Promise<string[]> {
    if (files.length === 0) return [];
    const objects = await readObjects(
      this.repository,
      files.map(({ id }) => id),
    );
    return objects.map((object, index) => {
      if (!object) throw notFound(`${files[index]!.path} of commit ${this.id.slice(0, 10)} cannot be read`);
      return object.content.toString('utf8');
    });
  }

  /**
   * Writes the given files (all by default) into an empty directory; Git LFS files with their content, where the
   * repository has it. Links that lead outside are refused.
   * @throws `Invalid`
   */
  async export(directory: string, paths?: readonly string[]): Promise<void> {
    const files = await this.files();
    const wanted = paths ? new Set(paths) : undefined;
    for (const file of files) {
      if (wanted && !wanted.has(file.path)) continue;
      if (file.path.includes('\uFFFD'))
        throw invalid(`the name of a file is not UTF-8: ${file.path}`, {
          hint: 'give it another name (git mv)',
        });
      safeJoin(directory, file.path);
    }
    await this.#checkLinks(files, wanted);
    await mkdir(directory, { recursive: true });
    if (wanted?.size === 0) return;
    const kept = await (this.#known.get('index') as Promise<string> | undefined);
    const index = kept ?? join(directory, '.export-index');
    const environment = { GIT_INDEX_FILE: index, GIT_WORK_TREE: directory };
    const options = { cwd: this.repository, environment };
    if (!kept) await git(['read-tree', this.id], options);
    try {
      if (wanted)
        await git(['checkout-index', '-z', '-f', '-q', '--stdin'], {
          ...options,
          stdin: [...wanted].join('\0'),
        });
      else await git(['checkout-index', '-a', '-f', '-q'], options);
    } finally {
      if (!kept) await rm(index, { force: true });
    }
    const written = files.filter(({ path }) => !wanted || wanted.has(path));
    await replacePointers(this.repository, directory, written);
  }

  /** Links lead through one another: each is followed as the file system would. */
  async #checkLinks(files: readonly TreeFile[], wanted: ReadonlySet<string> | undefined): Promise<void> {
    const links = files.filter(({ mode }) => mode === '120000');
    const texts = await this.readTexts(links);
    const targets = new Map(links.map(({ path }, index) => [path, texts[index]!]));
    for (const [path, target] of targets)
      if ((!wanted || wanted.has(path)) && leadsOutside(path, targets))
        throw invalid(`the link ${path} leads outside the repository, to ${target}`, {
          hint: 'remove the link, or commit what it should lead to',
        });
  }

  /** Who wrote it, the commits it follows, and its full message. */
  origin(): Promise<{ name: string; email: string; parents: string[]; message: string }> {
    return this.#once('origin', async () => {
      const read = readOrigin(this.#object);
      if (read) return read;
      const format = '--format=%an%x00%ae%x00%P%x00%B';
      const { stdout } = await git(['log', '-1', format, this.id], { cwd: this.repository });
      const [name = '', email = '', parents = '', message = ''] = stdout.toString('utf8').split('\0');
      return { name, email, parents: parents.split(' ').filter(Boolean), message: message.trim() };
    });
  }

  /** Full message and its trailers. */
  async message(): Promise<string> {
    return (await this.origin()).message;
  }
}

async function noCommit(repository: string, revision: string): Promise<TagboatError> {
  const [found] = await readObjects(repository, [revision]);
  if (!found) return notFound(`there is no commit "${revision}" in this repository`);
  return new TagboatError(`"${revision}" names a ${found.type}, not a commit`, {
    reason: 'NotACommit',
    retryable: false,
  });
}

async function listFiles(repository: string, commit: string, path = ''): Promise<TreeFile[]> {
  const where = path === '' || path === '.' ? [] : ['--', `${path}/`];
  const { stdout } = await git(['ls-tree', '-r', '-z', '-l', '--full-tree', commit, ...where], {
    cwd: repository,
  });
  return stdout
    .toString('utf8')
    .split('\0')
    .filter(Boolean)
    .map((line) => {
      const [head, name] = [line.slice(0, line.indexOf('\t')), line.slice(line.indexOf('\t') + 1)];
      const [mode, , id, size] = head.split(/\s+/);
      return { path: name, mode: mode!, id: id!, size: Number(size) || 0 };
    });
}

const listAndIndex = (repository: string, commit: string): [string, Promise<unknown>][] => [
  ['files ', listFiles(repository, commit)],
  ['index', ensureIndex(repository, commit)],
];

/** The index of a commit's files, as `git checkout-index` reads it. @returns its path */
async function ensureIndex(repository: string, commit: string): Promise<string> {
  const path = join(repository, `tagboat-index-${commit}`);
  if (existsSync(path)) return path;
  const temporary = `${path}.${randomUUID()}`;
  await git(['read-tree', commit], { cwd: repository, environment: { GIT_INDEX_FILE: temporary } });
  await rename(temporary, path);
  return path;
}

/** What a commit object says (git's Documentation/gitformat-commit); undefined where git must decode its text. */
function readOrigin(object: string) {
  const end = object.indexOf('\n\n');
  const headers = (end < 0 ? object : object.slice(0, end)).split('\n');
  const author = headers.map((line) => /^author (.*?) ?<([^>]*)> /.exec(line)).find(Boolean);
  if (!author || headers.some((line) => line.startsWith('encoding '))) return undefined;
  const parents = headers.flatMap((line) => /^parent ([0-9a-f]+)$/.exec(line)?.[1] ?? []);
  const message = end < 0 ? '' : object.slice(end + 2).trim();
  return { name: author[1]!, email: author[2]!, parents, message };
}

/** As many links as Linux follows for one path. */
const mostLinks = 40;

/** Whether a link of a tree leads out of it, by itself or through others. @param targets of all links, by path */
function leadsOutside(link: string, targets: ReadonlyMap<string, string>): boolean {
  const place: string[] = [];
  const left = link.split('/');
  for (let followed = 0; left.length > 0; ) {
    const part = left.shift()!;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (place.pop() === undefined) return true;
      continue;
    }
    place.push(part);
    const target = targets.get(place.join('/'));
    if (target === undefined) continue;
    if (target.startsWith('/')) return true;
    // A circle leads nowhere.
    if (++followed > mostLinks) return false;
    place.pop();
    left.unshift(...target.split('/'));
  }
  return false;
}

/** For callers that must tell "nothing there yet" from other errors. */
export function isMissing(error: unknown): boolean {
  return error instanceof TagboatError && error.reason === 'NotFound';
}
