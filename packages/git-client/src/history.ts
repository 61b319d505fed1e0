import { TagboatError } from '@tagboat/base';
import { runCommand } from '@tagboat/process';
import { git, gitEnvironment } from './git.ts';
import { Commit } from './tree.ts';

/** How a path differs between two commits, as `git diff --name-status` tells it. */
export interface ChangedPath {
  readonly path: string;
  readonly kind: 'added' | 'deleted' | 'modified' | 'renamed';
}

/** The paths that differ between two commits of a repository; `from` undefined: all of `to`. */
export async function changedPaths(
  repository: string,
  { from, to }: { from: string | undefined; to: string },
): Promise<ChangedPath[]> {
  if (from === undefined)
    return (await (await Commit.at(repository, to)).files()).map(({ path }) => ({ path, kind: 'added' }));
  const { stdout } = await git(['diff', '--name-status', '-z', '-M', '--no-ext-diff', from, to], {
    cwd: repository,
  });
  const parts = stdout.toString('utf8').split('\0');
  const found: ChangedPath[] = [];
  for (let at = 0; at + 1 < parts.length; ) {
    const letter = parts[at]![0]!;
    const moved = letter === 'R' || letter === 'C';
    const kind = ({ A: 'added', D: 'deleted', R: 'renamed', C: 'added' } as const)[letter] ?? 'modified';
    found.push({ path: parts[at + (moved ? 2 : 1)]!, kind });
    at += moved ? 3 : 2;
  }
  return found;
}

/** The best common ancestor of two commits, or undefined. */
export async function mergeBase(repository: string, a: string, b: string): Promise<string | undefined> {
  const { code, stdout } = await runCommand('git', ['merge-base', a, b], {
    cwd: repository,
    env: gitEnvironment(),
  });
  return code === 0 ? stdout.toString('utf8').trim() : undefined;
}

export interface LogEntry {
  readonly commit: string;
  readonly author: string;
  /** RFC 3339. */
  readonly date: string;
  readonly subject: string;
  readonly body: string;
  readonly trailers: Record<string, string>;
}

/** Commits reachable from a revision, newest first. */
export async function readLog(
  repository: string,
  options: { revision: string; path?: string; limit?: number },
): Promise<LogEntry[]> {
  const { revision, path, limit = 1000 } = options;
  const fields = ['%H', '%an', '%cI', '%s', '%b', '%(trailers:only,unfold)'];
  const format = `--format=tformat:${fields.join('%x00')}`;
  const { stdout } = await git(
    ['log', '-z', `-n${limit}`, format, '--end-of-options', revision, ...(path ? ['--', path] : [])],
    { cwd: repository },
  );
  const parts = stdout.toString('utf8').split('\0');
  const entries: LogEntry[] = [];
  for (let at = 0; at + fields.length <= parts.length; at += fields.length) {
    const [commit, author, date, subject, body, trailers] = parts.slice(at, at + fields.length);
    entries.push({
      commit: commit!,
      author: author!,
      date: date!,
      subject: subject!,
      body: body!,
      trailers: parseTrailers(trailers!),
    });
  }
  return entries;
}

function parseTrailers(text: string): Record<string, string> {
  const lines = text.split('\n').map((line) => /^([\w-]+):\s*(.*)$/.exec(line));
  return Object.fromEntries(lines.flatMap((match) => (match ? [[match[1]!, match[2]!]] : [])));
}

/** Longer than anything that is looked for: a match may begin in one piece of output and end in the next. */
const longestMatch = 1024;

/** What matches a global pattern in the messages and changes of every commit that a reference leads to. */
export async function matchesInHistory(
  repository: string,
  pattern: RegExp,
  signal?: AbortSignal,
): Promise<Set<string>> {
  const found = new Set<string>();
  let rest = '';
  // All sides of a merge: it may hold what none of its parents has.
  const patches = ['-p', '-m', '--unified=0', '--no-color', '--no-ext-diff', '--no-textconv', '--text'];
  await git(['log', '--all', '--format=%B', ...patches], {
    cwd: repository,
    timeout: 3600_000,
    ...(signal ? { signal } : {}),
    onOutput(stream, data) {
      if (stream !== 'stdout') return;
      const text = rest + data.toString('latin1');
      for (const [match] of text.matchAll(pattern)) found.add(match);
      rest = text.slice(-longestMatch);
    },
  });
  return found;
}

/** What matches a pattern in the files of the default branch; nothing where it has no commit. */
export async function matchesInFiles(
  repository: string,
  pattern: RegExp,
  signal?: AbortSignal,
): Promise<Set<string>> {
  const about = { cwd: repository, env: gitEnvironment(), ...(signal ? { signal } : {}) };
  const tip = await runCommand('git', ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], about);
  if (tip.code === 1) return new Set();
  const words = ['grep', '-I', '-h', '-o', '-E', '-e', pattern.source, 'HEAD'];
  const { code, stdout, stderr } = await runCommand('git', words, about);
  // 1: no file has any.
  if (code > 1)
    throw new TagboatError(`cannot look through ${repository}: ${stderr.trim()}`, { reason: 'GitFailed' });
  return new Set(stdout.toString('utf8').match(pattern) ?? []);
}
