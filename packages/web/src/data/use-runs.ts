import { kinds, type PipelineRun } from '@tagboat/api';
import type { TagboatError } from '@tagboat/base';
import {
  matchesRun,
  newerRun,
  type RunFilter,
  type RunSummary,
  summariseRun,
} from '@tagboat/render/run-summary';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo, useSyncExternalStore } from 'react';
import { client, fetchJson, withQuery } from './client.ts';
import { connection } from './connection.ts';
import { LiveChanges } from './live-changes.ts';
import { queryClient } from './query.ts';

/** One page of `/tagboat/runs`. */
export interface RunPage {
  readonly items: readonly RunSummary[];
  readonly total: number;
  readonly states: Readonly<Record<string, number>>;
  readonly next?: string;
  readonly resourceVersion: string;
}

export interface RunList {
  readonly status: 'loading' | 'ready' | 'failed';
  readonly error?: TagboatError;
  /** Newest first, as many as were loaded. */
  readonly runs: readonly RunSummary[];
  /** Of all that match. */
  readonly total: number;
  /** How many there are in each state, whatever state is filtered by. */
  readonly states: Readonly<Record<string, number>>;
  readonly loadMore: () => void;
}

/** Changes of runs since this page was opened, shared by everything on it. */
const changes = new LiveChanges<PipelineRun, RunSummary>({
  client,
  connection,
  type: kinds.PipelineRun,
  read: summariseRun,
  missed: () => void queryClient.invalidateQueries({ queryKey: ['runs'] }),
});

const pageSize = 100;

/**
 * Runs newest first, filtered and paged by the platform, kept true by a watch.
 * `per: 'model'`: only the newest of each model and kind.
 */
export function useRuns(filter: RunFilter, options: { per?: 'model'; limit?: number } = {}): RunList {
  const { per, limit = pageSize } = options;
  const query = useInfiniteQuery<RunPage, TagboatError, { pages: RunPage[] }, unknown[], string>({
    queryKey: ['runs', filter, per, limit],
    queryFn: async ({ pageParam }) => {
      await changes.begun();
      const parameters = { ...filter, per, limit: String(limit), after: pageParam };
      return fetchJson<RunPage>(withQuery('/tagboat/runs', parameters));
    },
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
  });
  const pages = query.data?.pages;
  const changed = useSyncExternalStore(changes.subscribe, changes.current);
  const merged = useMemo(
    () => (pages ? withChanges(pages, changed, { filter, perModel: per === 'model' }) : undefined),
    [pages, changed, filter, per],
  );
  return {
    status: query.isError ? 'failed' : merged ? 'ready' : 'loading',
    ...(query.error ? { error: query.error } : {}),
    runs: merged?.runs ?? [],
    total: merged?.total ?? 0,
    states: merged?.states ?? {},
    loadMore: () => {
      if (query.hasNextPage && !query.isFetchingNextPage) void query.fetchNextPage();
    },
  };
}

export interface RunChange {
  readonly revision: number;
  readonly object: RunSummary;
  readonly deleted: boolean;
}

/** The loaded pages with everything that changed after each was read. */
export function withChanges(
  pages: readonly RunPage[],
  changed: ReadonlyMap<string, RunChange>,
  { filter, perModel }: { filter: RunFilter; perModel: boolean },
): Pick<RunList, 'runs' | 'total' | 'states'> {
  const runs = new Map<string, RunSummary>();
  for (const page of pages) for (const run of page.items) runs.set(run.uid, run);
  const first = pages[0]!;
  let total = first.total;
  const states = { ...first.states };
  const newest = Number(first.resourceVersion);
  const { state: _, ...anyState } = filter;
  for (const { object, deleted, revision } of changed.values()) {
    if (revision <= newest) continue;
    const before = runs.get(object.uid);
    const matches = !deleted && matchesRun(object, filter);
    if (before) states[before.state] = (states[before.state] ?? 1) - 1;
    if (!deleted && matchesRun(object, anyState)) states[object.state] = (states[object.state] ?? 0) + 1;
    if (matches) runs.set(object.uid, object);
    else runs.delete(object.uid);
    total += Number(matches && !before) - Number(!matches && before !== undefined);
  }
  const sorted = [...runs.values()].sort(newerRun);
  return { runs: perModel ? newestOfEach(sorted) : sorted, total, states };
}

function newestOfEach(runs: readonly RunSummary[]): RunSummary[] {
  const seen = new Set<string>();
  return runs.filter(({ project, repository, model, kind }) => {
    const key = JSON.stringify([project, model ?? repository, kind]);
    return !seen.has(key) && seen.add(key);
  });
}
