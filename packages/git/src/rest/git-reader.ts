import { invalid, notFound, TagboatError } from '@tagboat/base';
import { git, gitEnvironment } from '@tagboat/git-client';
import { runCommand } from '@tagboat/process';

/** A person and a time, as a commit names them. */
export interface Signature {
  readonly name: string;
  readonly email: string;
  /** RFC 3339. */
  readonly date: string;
}

export interface CommitRecord {
  readonly id: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Signature;
  readonly committer: Signature;
  readonly message: string;
}

export interface TreeEntry {
  readonly mode: string;
  readonly type: 'blob' | 'tree' | 'commit';
  readonly id: string;
  /** Bytes of a blob, else 0. */
  readonly size: number;
  readonly path: string;
}

export interface RefRecord {
  /** Full name. */
  readonly name: string;
  /** Of the ref itself: for an annotated tag the tag object. */
  readonly id: string;
  /** The commit it names. */
  readonly commit: string;
  /** Of the tag, or of the commit. RFC 3339. */
  readonly date: string;
  /** An annotated tag's message, else ''. */
  readonly message: string;
}

/** git's id of the tree without entries, for both object formats. */
const emptyTrees: Readonly<Record<number, string>> = {
  40: '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  64: '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321',
};

export const emptyTreeFor = (id: string): string => emptyTrees[id.length] ?? emptyTrees[40]!;

/** The longest that one look into a repository may take. */
export const readTimeout = 30_000;

/** A path inside a repository. @throws `Invalid` for what could mean anything else */
export function checkPath(path: string): string {
  const bad = path.split('/').some((part) => part === '' || part === '.' || part === '..');
  if (path !== '' && (bad || path.includes('\0')))
    throw invalid(`expected a path inside the repository, found "${path}"`);
  return path;
}

/** Reads one bare repository by the real git; nothing in the repository is ever run or followed. */
export class GitReader {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** What git prints; `limit` bytes at most are kept. */
  async run(args: readonly string[], limit = 64 * 2 ** 20): Promise<Buffer> {
    const { code, stdout, stderr } = await runCommand('git', args, {
      cwd: this.directory,
      env: gitEnvironment({ environment: { GIT_LITERAL_PATHSPECS: '1' } }),
      timeout: readTimeout,
      maxOutput: limit,
    });
    if (code !== 0)
      throw new TagboatError(`git ${args[0]} failed: ${stderr.trim().split('\n').at(-1) ?? ''}`, {
        reason: 'GitFailed',
      });
    return stdout;
  }

  /**
   * The commit that a branch, a tag, a full ref name or the beginning of an object id names; undefined where there is none.
   * Expressions such as `main~3` are not read.
   */
  async find(ref: string): Promise<string | undefined> {
    if (/[\s~^:?*[\\\p{Cc}]|\.\.|@\{|^-/u.test(ref) || ref === '') return undefined;
    const names = [`refs/heads/${ref}`, `refs/tags/${ref}`, ...(/^(refs\/|HEAD$)/.test(ref) ? [ref] : [])];
    if (/^[0-9a-f]{4,64}$/.test(ref)) names.push(ref);
    const { stdout } = await git(['cat-file', '--batch-check'], {
      cwd: this.directory,
      stdin: names.map((name) => `${name}^{commit}\n`).join(''),
      timeout: readTimeout,
    });
    for (const line of stdout.toString('utf8').split('\n')) {
      const [id, type] = line.split(' ');
      if (type === 'commit' && /^[0-9a-f]{40,64}$/.test(id!)) return id;
    }
    return undefined;
  }

  /** @throws `NotFound` */
  async resolve(ref: string): Promise<string> {
    const commit = await this.find(ref);
    if (!commit) throw notFound(`there is no branch, tag or commit "${ref}"`);
    return commit;
  }

  /** Commits of `git log` for these object ids or ranges of them, newest first. */
  async log(
    revisions: readonly string[],
    { path = '', skip = 0, limit = 30 }: { path?: string; skip?: number; limit?: number } = {},
  ): Promise<CommitRecord[]> {
    const fields = ['%H', '%T', '%P', '%an', '%ae', '%aI', '%cn', '%ce', '%cI', '%B'];
    const text = await this.run([
      'log',
      '-z',
      `--format=tformat:${fields.join('%x00')}`,
      `--skip=${skip}`,
      `-n${limit}`,
      ...revisions,
      '--',
      ...(path === '' ? [] : [path]),
    ]);
    const parts = text.toString('utf8').split('\0');
    const found: CommitRecord[] = [];
    for (let at = 0; at + fields.length <= parts.length; at += fields.length)
      found.push(commitOf(parts.slice(at, at + fields.length)));
    return found;
  }

  async commit(id: string): Promise<CommitRecord> {
    return (await this.log([id], { limit: 1 }))[0]!;
  }

  /** Several commits by id. */
  async commits(ids: readonly string[]): Promise<Map<string, CommitRecord>> {
    const unique = [...new Set(ids)];
    if (unique.length === 0) return new Map();
    const found = await this.log(['--no-walk=unsorted', ...unique], { limit: unique.length });
    return new Map(found.map((commit) => [commit.id, commit]));
  }

  async count(revisions: readonly string[], path = ''): Promise<number> {
    const args = ['rev-list', '--count', ...revisions];
    const text = await this.run([...args, '--', ...(path === '' ? [] : [path])]);
    return Number(text.toString('utf8').trim());
  }

  /** The best common ancestor, or undefined for unrelated histories. */
  async mergeBase(a: string, b: string): Promise<string | undefined> {
    const { code, stdout } = await runCommand('git', ['merge-base', a, b], {
      cwd: this.directory,
      env: gitEnvironment(),
      timeout: readTimeout,
    });
    return code === 0 ? stdout.toString('utf8').trim() : undefined;
  }

  /** The entry at a path, or undefined. */
  async entry(commit: string, path: string): Promise<TreeEntry | undefined> {
    const text = await this.run(['ls-tree', '-z', '-l', '--full-tree', commit, '--', checkPath(path)]);
    return entriesOf(text).find((entry) => entry.path === path);
  }

  /** The entries of a tree; with `recursive` all below it, directories included. */
  async tree(id: string, recursive = false): Promise<TreeEntry[]> {
    return entriesOf(await this.run(['ls-tree', '-z', '-l', ...(recursive ? ['-r', '-t'] : []), id]));
  }

  async blob(id: string, limit: number): Promise<Buffer> {
    return this.run(['cat-file', 'blob', id], limit);
  }

  /** Branches and tags (or what else `pattern` names) that name a commit, newest first. */
  async refs(pattern: string): Promise<RefRecord[]> {
    const fields = ['refname', 'objectname', 'objecttype', '*objectname', '*objecttype'];
    const format = [...fields, 'creatordate:iso-strict', 'contents']
      .map((field) => `%(${field})%00`)
      .join('');
    const text = (
      await this.run(['for-each-ref', '--sort=-creatordate', `--format=${format}%01`, pattern])
    ).toString('utf8');
    return text.split('\0\x01\n').flatMap((line): RefRecord[] => {
      const [name, id, type, peeled, peeledType, date, message] = line.split('\0');
      const record = { name: name!, id: id!, date: date! };
      if (type === 'commit') return [{ ...record, commit: id!, message: '' }];
      return peeledType === 'commit' ? [{ ...record, commit: peeled!, message: message! }] : [];
    });
  }
}

function commitOf(fields: readonly string[]): CommitRecord {
  const [id, tree, parents, an, ae, ad, cn, ce, cd, message] = fields as [string, ...string[]];
  return {
    id,
    tree: tree!,
    parents: parents!.split(' ').filter(Boolean),
    author: { name: an!, email: ae!, date: ad! },
    committer: { name: cn!, email: ce!, date: cd! },
    message: message!.replace(/\n+$/, '\n'),
  };
}

function entriesOf(output: Buffer): TreeEntry[] {
  return output
    .toString('utf8')
    .split('\0')
    .filter(Boolean)
    .map((line) => {
      const tab = line.indexOf('\t');
      const [mode, type, id, size] = line.slice(0, tab).split(/ +/);
      return {
        mode: mode!,
        type: type as TreeEntry['type'],
        id: id!,
        size: Number(size) || 0,
        path: line.slice(tab + 1),
      };
    });
}
