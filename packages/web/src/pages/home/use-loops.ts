import { kinds, type Repository } from '@tagboat/api';
import type { Model } from '@tagboat/render/model-spec';
import { useQueries, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { LiveLike } from '../../components/index.ts';
import { fetchJson } from '../../data/client.ts';
import { useNow } from '../../data/now.ts';
import type { Application, InferenceService } from '../../data/platform-kinds.ts';
import { useList } from '../../data/use-list.ts';
import { useRuns } from '../../data/use-runs.ts';
import { headOf, type Loop, loopOf, type Traffic } from './loop.ts';

const everything = {};

/** All loops, kept true by watches. */
export function useLoops(): { sources: readonly LiveLike[]; loops: readonly Loop[] } {
  const models = useList<Model>(kinds.Model);
  const repositories = useList<Repository>(kinds.Repository);
  const services = useList<InferenceService>(kinds.InferenceService);
  const applications = useList<Application>(kinds.Application);
  const runs = useRuns(everything, { per: 'model', limit: 500 });
  const traffic = useTraffic();
  const commits = useCommits(models.items, repositories.items);
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

interface Vector {
  readonly data: { readonly result: readonly { metric: Record<string, string>; value: [number, string] }[] };
}

const query = (text: string) =>
  fetchJson<Vector>(`/prometheus/api/v1/query?query=${encodeURIComponent(text)}`);

/** Requests of the last five minutes, as they were when the page was opened or looked at again. */
function useTraffic(): ReadonlyMap<string, Traffic> | undefined {
  const rates = useQuery({
    queryKey: ['traffic'],
    refetchOnWindowFocus: true,
    retry: false,
    queryFn: async () => {
      const by = 'sum by (namespace, name, code) (rate(tagboat_requests_total[5m])) * 60';
      const { data } = await query(by);
      return data.result;
    },
  });
  return useMemo(() => rates.data && trafficOf(rates.data), [rates.data]);
}

function trafficOf(result: Vector['data']['result']): ReadonlyMap<string, Traffic> {
  const sums = new Map<string, { all: number; errors: number }>();
  for (const { metric, value } of result) {
    const key = `${metric.namespace}/${metric.name}`;
    const sum = sums.get(key) ?? { all: 0, errors: 0 };
    sum.all += Number(value[1]);
    if (Number(metric.code) >= 500) sum.errors += Number(value[1]);
    sums.set(key, sum);
  }
  return new Map(
    [...sums].map(([key, { all, errors }]) => [key, { rate: all, errors: all > 0 ? errors / all : 0 }]),
  );
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
