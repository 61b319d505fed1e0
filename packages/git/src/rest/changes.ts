import { emptyTreeFor, type GitReader } from './git-reader.ts';

export type ChangeKind = 'added' | 'modified' | 'removed' | 'renamed' | 'copied';

/** How one file differs between two commits. */
export interface FileChange {
  readonly path: string;
  /** Where it was before, when it was renamed or copied. */
  readonly previousPath?: string;
  readonly kind: ChangeKind;
  readonly additions: number;
  readonly deletions: number;
  readonly binary: boolean;
  /** Blob ids before and after; all zeros where there is none. */
  readonly before: string;
  readonly after: string;
  /** Hunks of a unified diff; absent for binary files and past the limits. */
  readonly patch?: string;
}

export interface Changes {
  readonly files: readonly FileChange[];
  /** Of all files, also those past the limit. */
  readonly totalFiles: number;
  readonly additions: number;
  readonly deletions: number;
}

/** What one answer holds at most. */
export const changeLimits = { files: 1000, patch: 256 * 2 ** 10, patches: 8 * 2 ** 20 } as const;

const kindOf: Readonly<Record<string, ChangeKind>> = { A: 'added', D: 'removed', R: 'renamed', C: 'copied' };
const plainDiff = ['-M', '--no-ext-diff', '--no-textconv', '--no-color', '--ignore-submodules=none'];

/** What changed between two commits; `base` undefined: everything is new. */
export async function changesBetween(
  reader: GitReader,
  { base, head, patches = false }: { base: string | undefined; head: string; patches?: boolean },
): Promise<Changes> {
  const between = [base ?? emptyTreeFor(head), head];
  const output = await reader.run([
    'diff',
    '--raw',
    '--numstat',
    '-z',
    '--no-abbrev',
    ...plainDiff,
    ...between,
  ]);
  const files = parseChanges(output.toString('utf8'));
  const kept = files.slice(0, changeLimits.files);
  const texts = patches && kept.length > 0 ? await readPatches(reader, between) : [];
  return {
    files: kept.map((file, index) => {
      const patch = file.binary ? undefined : texts[index];
      return patch === undefined || patch.length > changeLimits.patch ? file : { ...file, patch };
    }),
    totalFiles: files.length,
    additions: files.reduce((sum, file) => sum + file.additions, 0),
    deletions: files.reduce((sum, file) => sum + file.deletions, 0),
  };
}

/** The hunks of each file in git's order; the last is left out where the limit cut it. */
async function readPatches(reader: GitReader, between: readonly string[]): Promise<string[]> {
  const output = await reader.run(['diff', '-p', ...plainDiff, ...between], changeLimits.patches);
  const cut = output.length >= changeLimits.patches;
  // Lines of content begin with a space, "+", "-" or "\", so that only headers begin like this.
  const texts = output
    .toString('utf8')
    .split(/^diff --git .*\n/m)
    .slice(1);
  const whole = cut ? texts.slice(0, -1) : texts;
  return whole.map((text) => {
    const start = text.search(/^@@ /m);
    return start < 0 ? '' : text.slice(start);
  });
}

/** Reads `git diff --raw --numstat -z`: all raw entries, then all counts, in the same order. */
function parseChanges(text: string): FileChange[] {
  const parts = text.split('\0');
  const raw: Omit<FileChange, 'additions' | 'deletions' | 'binary'>[] = [];
  let at = 0;
  while (parts[at]?.startsWith(':')) {
    const [, , before, after, status] = parts[at]!.split(' ');
    const kind = kindOf[status![0]!] ?? 'modified';
    const moved = kind === 'renamed' || kind === 'copied';
    raw.push({
      kind,
      before: before!,
      after: after!,
      path: parts[at + (moved ? 2 : 1)]!,
      ...(moved ? { previousPath: parts[at + 1]! } : {}),
    });
    at += moved ? 3 : 2;
  }
  return raw.map((file) => {
    const [added = '0', deleted = '0', path] = (parts[at] ?? '').split('\t');
    at += path === '' ? 3 : 1;
    return { ...file, additions: Number(added) || 0, deletions: Number(deleted) || 0, binary: added === '-' };
  });
}

/** Added and deleted lines by commit, against the first parent. */
export async function statsOf(
  reader: GitReader,
  commits: readonly string[],
): Promise<Map<string, { additions: number; deletions: number; files: number }>> {
  const found = new Map<string, { additions: number; deletions: number; files: number }>();
  if (commits.length === 0) return found;
  const output = await reader.run([
    'show',
    '--no-walk=unsorted',
    '--format=%x01%H',
    '--numstat',
    '--diff-merges=first-parent',
    ...plainDiff,
    ...commits,
  ]);
  for (const text of output.toString('utf8').split('\x01').slice(1)) {
    const [id, ...lines] = text.split('\n');
    const counts = lines.filter(Boolean).map((line) => line.split('\t'));
    const sum = (index: number) => counts.reduce((total, count) => total + (Number(count[index]) || 0), 0);
    found.set(id!, { additions: sum(0), deletions: sum(1), files: counts.length });
  }
  return found;
}
