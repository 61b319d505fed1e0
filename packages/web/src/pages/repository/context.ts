import type { Repository } from '@tagboat/api';
import type { RunSummary } from '@tagboat/render/run-summary';
import { createContext, useContext } from 'react';
import type { RepositoryName } from '../../data/git.ts';

/** What every part of a repository's page knows. */
export interface RepositoryContext {
  readonly repository: RepositoryName;
  readonly object: Repository;
  /** The branch, tag or commit that is looked at; undefined in an empty repository. */
  readonly ref: string | undefined;
  readonly defaultBranch: string;
  /** Runs by the commit they are about, newest first. */
  readonly runs: ReadonlyMap<string, readonly RunSummary[]>;
  /** The page of this repository with these search parameters. */
  readonly page: (search: Readonly<Record<string, string | undefined>>) => string;
}

export const Context = createContext<RepositoryContext | undefined>(undefined);

export function useRepository(): RepositoryContext {
  return useContext(Context)!;
}

/** Runs by commit. */
export function byCommit(runs: readonly RunSummary[]): Map<string, RunSummary[]> {
  const found = new Map<string, RunSummary[]>();
  for (const run of runs) {
    if (!run.commit) continue;
    const known = found.get(run.commit) ?? [];
    known.push(run);
    found.set(run.commit, known);
  }
  return found;
}
