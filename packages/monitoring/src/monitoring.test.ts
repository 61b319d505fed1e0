import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, ManualClock } from '@tagboat/base';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { prometheusApi } from './http-api.ts';
import { RequestLog, type ServedRequest } from './request-log.ts';
import { Scraper } from './scraper.ts';
import { SeriesFile } from './series-file.ts';
import { SeriesStore } from './series-store.ts';
import { type Target, targetOf } from './targets.ts';
import { parseExposition } from './text-format.ts';

const log = createLogger({ write: () => {}, level: 'error' });
let directory: string;
let clock: ManualClock;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'monitoring-'));
  clock = new ManualClock();
});

afterEach(() => rm(directory, { recursive: true }));

test('reads the text format, and passes over what is none', () => {
  const text = `# HELP a_total Things.
# TYPE a_total counter
a_total{path="C:\\\\x",quote="\\"",line="a\\nb",} 3 1700000000000
b 1e3
c{le="+Inf"} +Inf
d NaN
broken{
nothing
`;
  const { samples, families, malformed } = parseExposition(text);
  expect(samples).toEqual([
    { labels: { __name__: 'a_total', path: 'C:\\x', quote: '"', line: 'a\nb' }, value: 3 },
    { labels: { __name__: 'b' }, value: 1000 },
    { labels: { __name__: 'c', le: '+Inf' }, value: Number.POSITIVE_INFINITY },
    { labels: { __name__: 'd' }, value: Number.NaN },
  ]);
  expect(families.get('a_total')).toEqual({ type: 'counter', help: 'Things.' });
  expect(malformed).toBe(2);
});

test('keeps to its limits: the oldest goes first, and too many series are refused', () => {
  const store = new SeriesStore({ retention: 1000, series: 2, samples: 10 });
  for (const name of ['a', 'b', 'c']) store.append({ __name__: name }, 1, 1);
  expect([store.count, store.refused]).toEqual([2, 1]);
  expect(store.append({ __name__: 'a' }, 1, 2)).toBe(false);
  store.trim(2000);
  expect([store.count, store.samples]).toEqual([0, 0]);
  for (let time = 2001; time < 2900; time += 10) store.append({ __name__: 'a' }, time, 1);
  store.trim(2900);
  expect(store.samples).toBeLessThanOrEqual(10);
});

function scraper(options: {
  targets?: () => Target[];
  fetch?: (url: string) => Promise<string>;
  text?: string;
}) {
  const store = new SeriesStore();
  const file = new SeriesFile(join(directory, 'metrics'));
  const one = new Scraper({
    store,
    file,
    clock,
    log,
    own: { text: () => options.text ?? 'own_total 1\n', labels: { job: 'tagboat', instance: 'here' } },
    targets: options.targets ?? (() => []),
    ...(options.fetch ? { fetch: options.fetch } : {}),
  });
  return { store, file, scraper: one };
}

const target: Target = { url: 'http://10.0.0.1:8080/metrics', labels: { job: 'i', instance: 'p', pod: 'a' } };

test('looks at every target, says which is up, and ends the series of one that is gone', async () => {
  let targets = [target];
  let answer = async () => 'hits_total{pod="other"} 4\n';
  const { store, scraper: one } = scraper({ targets: () => targets, fetch: () => answer() });
  const value = (name: string) => store.select([{ name: '__name__', operator: '=', value: name }]);
  await one.scrape();
  expect(value('hits_total').map(({ labels, last }) => ({ ...labels, last }))).toEqual([
    { __name__: 'hits_total', job: 'i', instance: 'p', pod: 'a', exported_pod: 'other', last: 4 },
  ]);
  expect(value('up').map(({ last }) => last)).toEqual([1, 1]);
  clock.advance(15_000);
  answer = async () => {
    throw new Error('refused');
  };
  await one.scrape();
  expect(one.targets()).toMatchObject([{ health: 'up' }, { health: 'down', lastError: 'refused' }]);
  expect(value('hits_total')[0]!.at(clock.now(), 0)).toBeUndefined();
  targets = [];
  clock.advance(15_000);
  await one.scrape();
  expect(one.targets()).toHaveLength(1);
});

test('a restart reads the segments again; a line that was cut off hides nothing', async () => {
  const first = scraper({ text: 'a 1\nb NaN\nc +Inf\n' });
  await first.scraper.scrape();
  clock.advance(15_000);
  await first.scraper.scrape();
  const [segment] = await readdir(join(directory, 'metrics'));
  await appendFile(join(directory, 'metrics', segment!), '[17670000');
  const store = new SeriesStore();
  await new SeriesFile(join(directory, 'metrics')).load(store);
  expect(store.samples).toBe(first.store.samples);
  const c = store.select([{ name: '__name__', operator: '=', value: 'c' }])[0]!;
  expect([c.size, c.last]).toEqual([2, Number.POSITIVE_INFINITY]);
});

test('segments end, and the oldest are removed', async () => {
  const file = new SeriesFile(directory, { segment: 1000, retention: 3000, bytes: 1e6 });
  for (let time = 1e12; time < 1e12 + 10_000; time += 500)
    await file.append(time, [{ labels: { __name__: 'a' }, value: 1 }]);
  const names = (await readdir(directory)).sort();
  expect(names.length).toBeLessThanOrEqual(5);
  expect(names.at(-1)).toBe(`${1e12 + 9000}.jsonl`);
});

test('every predictor that is ready is a target; others say so themselves', () => {
  const pod = (labels: Record<string, string>, annotations: Record<string, string>, ready = 'True') =>
    targetOf({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'n', labels, annotations },
      spec: { containers: [{ name: 'c', ports: [{ containerPort: 9000 }] }] },
      status: { podIP: '127.1.2.3', conditions: [{ type: 'Ready', status: ready }] },
    } as never);
  const predictor = { 'serving.kserve.io/inferenceservice': 'm' };
  expect(pod(predictor, {})).toEqual({
    url: 'http://127.1.2.3:9000/metrics',
    labels: {
      job: 'inferenceservices',
      instance: '127.1.2.3:9000',
      namespace: 'n',
      pod: 'p',
      inferenceservice: 'm',
    },
  });
  expect(pod(predictor, {}, 'False')).toBeUndefined();
  expect(pod({}, {})).toBeUndefined();
  expect(
    pod({}, { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '1', 'prometheus.io/path': 'm' })?.url,
  ).toBe('http://127.1.2.3:1/m');
  expect(pod(predictor, { 'prometheus.io/scrape': 'false' })).toBeUndefined();
});

async function api(): Promise<{ app: FastifyInstance; start: number }> {
  const { store, scraper: one } = scraper({ text: '# TYPE hits_total counter\nhits_total{app="x"} 5\n' });
  const start = clock.now();
  for (let index = 0; index < 5; index++) {
    await one.scrape();
    clock.advance(15_000);
  }
  const app = Fastify();
  app.register((scope) => prometheusApi(scope, { store, scraper: one, now: () => clock.now(), log }), {
    prefix: '/prometheus',
  });
  return { app, start };
}

test('the HTTP API answers as Prometheus does', async () => {
  const { app, start } = await api();
  const get = async (path: string) => (await app.inject(`/prometheus/api/v1/${path}`)).json();
  const metric = { __name__: 'hits_total', app: 'x', job: 'tagboat', instance: 'here' };
  expect(await get(`query?query=hits_total&time=${start / 1000}`)).toEqual({
    status: 'success',
    data: { resultType: 'vector', result: [{ metric, value: [start / 1000, '5'] }] },
  });
  expect((await get('query?query=hits_total[1h]')).data.result[0].values).toHaveLength(5);
  expect((await get('query?query=1%2B1')).data).toMatchObject({
    resultType: 'scalar',
    result: [expect.any(Number), '2'],
  });
  const range = await get(
    `query_range?query=hits_total&start=${start / 1000}&end=${start / 1000 + 60}&step=30s`,
  );
  expect(range.data).toEqual({
    resultType: 'matrix',
    result: [{ metric, values: [0, 30, 60].map((seconds) => [start / 1000 + seconds, '5']) }],
  });
  expect((await get('series?match[]=hits_total')).data).toEqual([metric]);
  expect((await get('labels')).data).toEqual(['__name__', 'app', 'instance', 'job']);
  expect((await get('label/app/values')).data).toEqual(['x']);
  expect((await get('metadata')).data.hits_total).toEqual([{ type: 'counter', help: '', unit: '' }]);
  const form = await app.inject({
    method: 'POST',
    url: '/prometheus/api/v1/query',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: `query=${encodeURIComponent('sum(hits_total)')}`,
  });
  expect(form.json().data.result[0].value[1]).toBe('5');
});

test.each([
  ['query', 400, 'it is missing'],
  ['query?query=sum(', 400, 'parse error'],
  ['query?query=up&time=yesterday', 400, 'is no time'],
  ['query_range?query=up&start=0&end=1000000&step=1', 400, '11000 points'],
  ['query_range?query=up&start=0&end=10&step=0', 400, 'step'],
  ['series', 400, 'match[]'],
])('a wrong question is answered so: %s', async (path, code, message) => {
  const { app } = await api();
  const response = await app.inject(`/prometheus/api/v1/${path}`);
  expect([response.statusCode, response.json().errorType]).toEqual([code, 'bad_data']);
  expect(response.json().error).toContain(message);
});

test('a query in a form that is none is a bad request, not a failure', async () => {
  const { app } = await api();
  const payload = { method: 'POST', payload: 'x', headers: { 'content-type': 'x' } } as const;
  const response = await app.inject({ url: '/prometheus/api/v1/query', ...payload });
  expect([response.statusCode, response.json().errorType]).toEqual([415, 'bad_data']);
});

const served = (name: string, path: string): ServedRequest => ({
  namespace: 'demo-staging',
  name,
  time: '2026-01-01T00:00:00.000Z',
  method: 'POST',
  path,
  status: 200,
  milliseconds: 3,
  requestBytes: 10,
  responseBytes: 20,
});

test('the newest requests of each service are kept over a restart, within bounds', async () => {
  const options = { file: join(directory, 'requests.jsonl'), clock, log, most: 10 };
  const first = await RequestLog.open(options);
  const heard: string[] = [];
  using _listening = first.listen(({ path }) => heard.push(path));
  for (let index = 0; index < 30; index++) first.add(served('a', `/${index}`));
  first.add(served('b', '/only'));
  expect(heard).toHaveLength(31);
  expect(first.recent('demo-staging', 'a', 2).map(({ path }) => path)).toEqual(['/29', '/28']);
  await first[Symbol.asyncDispose]();
  expect((await readFile(options.file, 'utf8')).trim().split('\n')).toHaveLength(31);
  await appendFile(options.file, '{"namespace":"demo-sta');
  const second = await RequestLog.open(options);
  expect(second.recent('demo-staging', 'a').length).toBeLessThanOrEqual(12);
  expect(second.recent('demo-staging', 'b').map(({ path }) => path)).toEqual(['/only']);
  expect(second.recent('other', 'b')).toEqual([]);
  await second[Symbol.asyncDispose]();
});
