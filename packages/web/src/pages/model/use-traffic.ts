import type { TagboatError } from '@tagboat/base';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { fetchJson, withQuery } from '../../data/client.ts';
import { followLines, useVisible } from '../../data/follow-lines.ts';
import { queryClient } from '../../data/query.ts';

/** One series of Prometheus' matrix. */
export interface MatrixSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

export interface TrafficData {
  readonly requests: readonly MatrixSeries[];
  readonly errors: readonly MatrixSeries[];
  readonly median: readonly MatrixSeries[];
  readonly slow: readonly MatrixSeries[];
  /** Seconds since the epoch that were asked for. */
  readonly span: { readonly from: number; readonly to: number; readonly step: number };
}

export interface TrafficSpan {
  readonly label: string;
  readonly seconds: number;
  readonly step: number;
}

export const spans: readonly TrafficSpan[] = [
  { label: '1 hour', seconds: 3600, step: 15 },
  { label: '6 hours', seconds: 6 * 3600, step: 60 },
  { label: '24 hours', seconds: 24 * 3600, step: 300 },
];

/** The queries of the traffic charts; they work in any Prometheus that scrapes the platform. */
export function trafficQueries(namespace: string, name: string, step: number) {
  const window = `${Math.max(60, step)}s`;
  // Of few requests, a short window holds none at most times.
  const long = `${Math.max(300, step)}s`;
  const of = `namespace="${namespace}",name="${name}"`;
  const quantile = (q: number) =>
    `histogram_quantile(${q}, sum by (le) (rate(tagboat_request_duration_seconds_bucket{${of}}[${long}])))`;
  return {
    requests: `sum(rate(tagboat_requests_total{${of}}[${window}])) * 60`,
    errors: `sum(rate(tagboat_requests_total{${of},code=~"[45].."}[${window}])) * 60`,
    median: quantile(0.5),
    slow: quantile(0.95),
  };
}

interface Answer {
  readonly data: { readonly result: readonly MatrixSeries[] };
}

/** Traffic, errors and latency of a service over a span that ends now. */
export function useTraffic(namespace: string, name: string, span: TrafficSpan) {
  return useQuery<TrafficData, TagboatError>({
    queryKey: ['traffic', namespace, name, span.seconds],
    queryFn: async () => {
      const end = Math.floor(Date.now() / 1000 / span.step) * span.step;
      const range = { start: String(end - span.seconds), end: String(end), step: String(span.step) };
      const ask = async (query: string) =>
        (await fetchJson<Answer>(withQuery('/prometheus/api/v1/query_range', { query, ...range }))).data
          .result;
      const { requests, errors, median, slow } = trafficQueries(namespace, name, span.step);
      const [all, bad, half, tail] = await Promise.all([ask(requests), ask(errors), ask(median), ask(slow)]);
      return {
        requests: all,
        errors: bad,
        median: half,
        slow: tail,
        span: { from: end - span.seconds, to: end, step: span.step },
      };
    },
  });
}

/** One request as `/tagboat/requests` tells it. */
export interface ServedRequest {
  readonly time: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly model?: string;
  readonly input?: string;
}

const mostShown = 200;
/** Milliseconds after a request until a measurement surely holds it. */
const measuredAfter = 16_000;

const requestsPath = (namespace: string, name: string) => `/tagboat/requests/${namespace}/${name}`;

/** The newest requests of a service, as they were when they were asked for. */
export function useRecentRequests(namespace: string | undefined, name: string) {
  const path = requestsPath(namespace ?? '', name);
  return useQuery<ServedRequest[], TagboatError>({
    queryKey: [path],
    queryFn: async () => (await fetchJson<{ items: ServedRequest[] }>(`${path}?limit=${mostShown}`)).items,
    enabled: namespace !== undefined,
    staleTime: 0,
  });
}

/** The newest requests of a service, kept true by a stream; the charts follow what it tells. */
export function useRequests(namespace: string, name: string) {
  const first = useRecentRequests(namespace, name);
  const [added, setAdded] = useState<readonly ServedRequest[]>([]);
  const visible = useVisible();
  useEffect(() => {
    if (!visible) return undefined;
    const stop = new AbortController();
    setAdded([]);
    let due: ReturnType<typeof setTimeout> | undefined;
    const take = (request: ServedRequest) => {
      setAdded((before) => [request, ...before].slice(0, mostShown));
      due ??= setTimeout(() => {
        due = undefined;
        void queryClient.invalidateQueries({ queryKey: ['traffic', namespace, name] });
      }, measuredAfter);
    };
    const path = requestsPath(namespace, name);
    const begun = () => void queryClient.invalidateQueries({ queryKey: [path] });
    void followLines<ServedRequest>(`${path}?watch=true`, { signal: stop.signal, begun, take });
    return () => {
      stop.abort();
      clearTimeout(due);
    };
  }, [namespace, name, visible]);
  const requests = useMemo(() => merged(added, first.data ?? []), [added, first.data]);
  return { requests, query: first };
}

function merged(added: readonly ServedRequest[], first: readonly ServedRequest[]): ServedRequest[] {
  const keyOf = ({ time, path, milliseconds }: ServedRequest) => `${time} ${path} ${milliseconds}`;
  const known = new Set(added.map(keyOf));
  return [...added, ...first.filter((request) => !known.has(keyOf(request)))].slice(0, mostShown);
}

/** Times and values for a chart; where a series has none, there is a gap. */
export function columns(
  series: readonly (readonly MatrixSeries[])[],
  { from, to, step }: TrafficData['span'],
): { times: number[]; values: (number | null)[][]; isEmpty: boolean } {
  const place = (time: number) => Math.round((time - from) / step);
  const count = place(to) + 1;
  const times = Array.from({ length: count }, (_, index) => from + index * step);
  const values = series.map((one) => {
    const column = new Array<number | null>(count).fill(null);
    for (const [time, text] of one[0]?.values ?? []) {
      const value = Number(text);
      if (Number.isFinite(value)) column[place(time)] = value;
    }
    return column;
  });
  return { times, values, isEmpty: values.every((column) => column.every((value) => value === null)) };
}
