import { kinds, type Repository } from '@tagboat/api';
import type { Model } from '@tagboat/render/model-spec';
import { useQueries } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import type { LiveLike } from '../../components/index.ts';
import { fetchJson } from '../../data/client.ts';
import { useNow } from '../../data/now.ts';
import type { Application, InferenceService } from '../../data/platform-kinds.ts';
import { useList } from '../../data/use-list.ts';
import { useRuns } from '../../data/use-runs.ts';
import { headOf, type Loop, loopOf } from './loop.ts';
import { useTraffic } from './use-traffic.ts';

const everything = {};

/** All loops, kept true by watches; the messages of commits are read for the first `shown` alone. */
export function useLoops(shown: number): { sources: readonly LiveLike[]; loops: readonly Loop[] } {
  const models = useList<Model>(kinds.Model);
  const repositories = useList<Repository>(kinds.Repository);
  const services = useList<InferenceService>(kinds.InferenceService);
  const applications = useList<Application>(kinds.Application);
  const runs = useRuns(everything, { per: 'model', limit: 500 });
  const traffic = useTraffic();
  // There may be more runs than one page holds, each the newest of its model and kind.
  useEffect(() => {
    if (runs.status === 'ready' && runs.runs.length < runs.total) runs.loadMore();
  }, [runs]);
  const commits = useCommits(models.items.slice(0, shown), repositories.items);
  const now = useNow(60_000);
  const loops = useMemo(
    () =>
      models.items.map((model) =>
        loopOf(model, {
          repositories: repositories.items,
          runs: runs.runs,
          services: services.items,
          applications: applications.items,
          traffic,
          commits,
          now,
        }),
      ),
    [models, repositories, services, applications, runs.runs, traffic, commits, now],
  );
  return { sources: [models, repositories, services, applications, runs], loops };
}

interface Commit {
  readonly sha: string;
  readonly created: string;
  readonly commit: { readonly message: string };
}

/** Message and date of the commits at the heads; one that cannot be read is left out. */
function useCommits(models: readonly Model[], repositories: readonly Repository[]) {
  const wanted = models.flatMap((model) => {
    const head = headOf(model, repositories);
    return head ? [{ head, path: `${model.metadata.namespace}/${model.spec?.repository}` }] : [];
  });
  return useQueries({
    queries: wanted.map(({ head, path }) => ({
      queryKey: ['commit', path, head],
      queryFn: () => fetchJson<Commit>(`/git/api/v1/repos/${path}/git/commits/${head}`),
      staleTime: Number.POSITIVE_INFINITY,
      retry: false,
    })),
    combine: commitsOf,
  });
}

function commitsOf(results: readonly { readonly data?: Commit | undefined }[]) {
  return new Map(
    results.flatMap(({ data }) =>
      data ? [[data.sha, { message: data.commit.message, date: data.created }] as const] : [],
    ),
  );
}
