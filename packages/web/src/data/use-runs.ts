import { kinds, type PipelineRun } from '@tagboat/api';
import type { TagboatError } from '@tagboat/base';
import { type RunFilter, type RunSummary, summariseRun } from '@tagboat/render/run-summary';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo, useSyncExternalStore } from 'react';
import { client, fetchJson, withQuery } from './client.ts';
import { connection } from './connection.ts';
import { LiveChanges } from './live-changes.ts';
import { type RunPage, withChanges } from './merge-runs.ts';
import { queryClient } from './query.ts';

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
