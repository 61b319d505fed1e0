import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { fetchJson } from '../../data/client.ts';
import { followLines, useVisible } from '../../data/follow-lines.ts';
import { queryClient } from '../../data/query.ts';
import type { Traffic } from './loop.ts';

interface Vector {
  readonly data: { readonly result: readonly { metric: Record<string, string>; value: [number, string] }[] };
}

const query = (text: string) =>
  fetchJson<Vector>(`/prometheus/api/v1/query?query=${encodeURIComponent(text)}`);

/** Requests are measured this often (milliseconds), and rates forget them after five minutes. */
const measuredEvery = 15_000;
const fadesEvery = 60_000;

/** Requests of the last five minutes: asked for anew when the platform says that something was served, and while rates fade. */
export function useTraffic(): ReadonlyMap<string, Traffic> | undefined {
  const visible = useVisible();
  const rates = useQuery({
    queryKey: ['traffic'],
    retry: false,
    refetchInterval: ({ state }) =>
      state.data?.some(({ value }) => Number(value[1]) > 0) ? fadesEvery : false,
    queryFn: async () => {
      const by = 'sum by (namespace, name, code) (rate(tagboat_requests_total[5m])) * 60';
      const { data } = await query(by);
      return data.result;
    },
  });
  useEffect(() => {
    if (!visible) return undefined;
    const stop = new AbortController();
    let due: ReturnType<typeof setTimeout> | undefined;
    const again = () => void queryClient.invalidateQueries({ queryKey: ['traffic'] });
    const take = () => {
      due ??= setTimeout(() => {
        due = undefined;
        again();
      }, measuredEvery);
    };
    void followLines('/tagboat/requests?watch=true', { signal: stop.signal, begun: again, take });
    return () => {
      stop.abort();
      clearTimeout(due);
    };
  }, [visible]);
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
