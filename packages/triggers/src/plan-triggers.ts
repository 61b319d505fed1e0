import type { HandledRef } from '@tagboat/api';
import { compareTags } from '@tagboat/render';

export interface RefToHandle {
  /** Full name. */
  readonly ref: string;
  readonly commit: string;
  readonly kind: 'tag' | 'branch' | 'candidate' | 'pull';
  /** Without its prefix. */
  readonly short: string;
}

const prefixes: readonly [string, RefToHandle['kind']][] = [
  ['refs/tags/', 'tag'],
  ['refs/heads/', 'branch'],
  ['refs/tagboat/candidates/', 'candidate'],
];

/**
 * The refs of a repository that the ledger does not know at their commit, in the order to handle them: tags by
 * version, which people wait for, then branches, then candidates. A moved tag is new work; a deleted one is not.
 */
export function refsToHandle(
  refs: Readonly<Record<string, string>>,
  ledger: readonly HandledRef[],
): RefToHandle[] {
  const handled = new Set(ledger.map(({ spec }) => `${spec?.ref} ${spec?.commit}`));
  const found = Object.entries(refs).flatMap(([ref, commit]): RefToHandle[] => {
    const prefix = prefixes.find(([start]) => ref.startsWith(start));
    if (!prefix || handled.has(`${ref} ${commit}`)) return [];
    return [{ ref, commit, kind: prefix[1], short: ref.slice(prefix[0].length) }];
  });
  const rank = { tag: 0, branch: 1, candidate: 2, pull: 3 };
  return found.sort(
    (a, b) =>
      rank[a.kind] - rank[b.kind] || (compareTags(a.short, b.short) ?? a.short.localeCompare(b.short)),
  );
}

/** The sequence number after the highest of the ledger. */
export function nextSequence(ledger: readonly HandledRef[]): number {
  return ledger.reduce((highest, { spec }) => Math.max(highest, spec?.sequence ?? 0), 0) + 1;
}

/** So many branches are handled together: what they write is then on disk together, too. */
const mostTogether = 10;

/**
 * The refs in their order, those together that may be handled at the same time: branches other than the default one. Tags
 * and that go one after another, since the models are what the last of them declares.
 */
export function inGroups(refs: readonly RefToHandle[], defaultBranch: string): RefToHandle[][] {
  const groups: RefToHandle[][] = [];
  const isSide = (ref: RefToHandle | undefined) => ref?.kind === 'branch' && ref.short !== defaultBranch;
  for (const ref of refs) {
    const last = groups.at(-1);
    if (last && last.length < mostTogether && isSide(ref) && isSide(last[0])) last.push(ref);
    else groups.push([ref]);
  }
  return groups;
}
