import { describeError, httpStatusOf, invalid, type Logger, TagboatError } from '@tagboat/base';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Evaluation } from './promql/evaluate.ts';
import type { Expression } from './promql/expression.ts';
import { durationOf } from './promql/literals.ts';
import { parsePromql } from './promql/parse.ts';
import { evaluateRange, textOf } from './promql/range.ts';
import type { Value } from './promql/value.ts';
import type { Scraper } from './scraper.ts';
import { labelsKey, type Matcher, type Series } from './series.ts';
import type { SeriesStore } from './series-store.ts';

export interface PrometheusApiOptions {
  readonly store: SeriesStore;
  readonly scraper: Pick<Scraper, 'targets' | 'families'>;
  readonly now: () => number;
  readonly log: Logger;
}

const mostPoints = 11_000;

/** Query parameters, or the fields of a form; `match[]` may come several times. */
type Fields = URLSearchParams;

/** Prometheus' HTTP API v1, to be registered at `/prometheus`. Who may ask is decided before. */
export async function prometheusApi(app: FastifyInstance, options: PrometheusApiOptions): Promise<void> {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, body),
  );
  app.setErrorHandler((error, _request, reply) => fail(reply, error, options.log));
  const answers = new Answers(options);
  const both = (path: string, answer: (fields: Fields) => unknown) =>
    app.route({
      method: ['GET', 'POST'],
      url: `/api/v1/${path}`,
      handler: async (request) => ({ status: 'success', data: await answer(fieldsOf(request)) }),
    });
  both('query', (fields) => answers.query(fields));
  both('query_range', (fields) => answers.queryRange(fields));
  both('series', (fields) => answers.series(fields));
  both('labels', (fields) => answers.labels(fields));
  both('format_query', (fields) => required(fields, 'query'));
  app.get<{ Params: { name: string } }>('/api/v1/label/:name/values', async (request) => ({
    status: 'success',
    data: answers.labelValues(request.params.name, fieldsOf(request)),
  }));
  const constant = (path: string, data: () => unknown) =>
    app.get(`/api/v1/${path}`, async () => ({ status: 'success', data: data() }));
  constant('metadata', () => answers.metadata());
  constant('targets', () => ({ activeTargets: options.scraper.targets(), droppedTargets: [] }));
  constant('rules', () => ({ groups: [] }));
  constant('alerts', () => ({ alerts: [] }));
  constant('status/buildinfo', () => ({ version: '3.0.0', revision: 'tagboat', branch: '', goVersion: '' }));
  for (const path of ['/-/healthy', '/-/ready'])
    app.get(path, async (_request, reply) => reply.type('text/plain').send('ok\n'));
}

function fail(reply: FastifyReply, error: unknown, log: Logger): FastifyReply {
  const known = error instanceof TagboatError;
  const status = httpStatusOf(error);
  const code = known && error.reason === 'TooLarge' ? 422 : status;
  if (code >= 500) log.error('a query failed', { error });
  return reply.code(code).send({
    status: 'error',
    errorType: code === 422 ? 'execution' : code >= 500 ? 'internal' : 'bad_data',
    error: known || code < 500 ? describeError(error) : 'an internal error; see the log',
  });
}

function fieldsOf(request: FastifyRequest): Fields {
  const fields = new URLSearchParams(request.url.split('?')[1] ?? '');
  if (typeof request.body === 'string')
    for (const [name, value] of new URLSearchParams(request.body)) fields.append(name, value);
  return fields;
}

function required(fields: Fields, name: string): string {
  const value = fields.get(name);
  if (value === null || value === '') throw invalid(`invalid parameter "${name}": it is missing`);
  return value;
}

class Answers {
  readonly #options: PrometheusApiOptions;

  constructor(options: PrometheusApiOptions) {
    this.#options = options;
  }

  query(fields: Fields): unknown {
    const expression = parsePromql(required(fields, 'query'));
    const time = this.#time(fields, 'time') ?? this.#options.now();
    const evaluation = new Evaluation(this.#options.store, { start: time, end: time, step: 0 });
    if (expression.kind === 'range' || expression.kind === 'subquery') {
      const { windows } = evaluation.windows(expression, time);
      const result = windows.map(({ labels, times, values }) => ({
        metric: labels,
        values: times.map((moment, index) => [moment / 1000, textOf(values[index]!)]),
      }));
      return { resultType: 'matrix', result };
    }
    return instantData(evaluation.at(expression, time), time, isSorted(expression));
  }

  async queryRange(fields: Fields): Promise<unknown> {
    const expression = parsePromql(required(fields, 'query'));
    const start = this.#time(fields, 'start') ?? missing('start');
    const end = this.#time(fields, 'end') ?? missing('end');
    const step = durationOf(required(fields, 'step'));
    if (!step || step < 1) throw invalid('invalid parameter "step": expected a positive duration or seconds');
    if (end < start) throw invalid('invalid parameter "end": it is before start');
    if ((end - start) / step > mostPoints)
      throw invalid(`exceeded the maximum of ${mostPoints} points per series`, { hint: 'use a longer step' });
    return {
      resultType: 'matrix',
      result: await evaluateRange(this.#options.store, expression, { start, end, step }),
    };
  }

  series(fields: Fields): unknown {
    if (fields.getAll('match[]').length === 0) throw invalid('no match[] parameter provided');
    return this.#selected(fields).map(({ labels }) => labels);
  }

  labels(fields: Fields): string[] {
    const names = this.#selected(fields).flatMap(({ labels }) => Object.keys(labels));
    return [...new Set(names)].sort();
  }

  labelValues(name: string, fields: Fields): string[] {
    const values = this.#selected(fields).flatMap(({ labels }) => labels[name] ?? []);
    return [...new Set(values)].sort();
  }

  metadata(): unknown {
    const families = [...this.#options.scraper.families()];
    return Object.fromEntries(families.map(([name, { type, help }]) => [name, [{ type, help, unit: '' }]]));
  }

  #selected(fields: Fields): Series[] {
    const start = this.#time(fields, 'start') ?? Number.NEGATIVE_INFINITY;
    const end = this.#time(fields, 'end') ?? Number.POSITIVE_INFINITY;
    const all = fields.getAll('match[]').map(matchersOf);
    const found = (all.length > 0 ? all : [[]]).flatMap((matchers) => this.#options.store.select(matchers));
    return [...new Set(found)].filter(({ oldest, newest }) => oldest <= end && newest >= start);
  }

  /** Milliseconds of a Unix time in seconds, or of RFC 3339. */
  #time(fields: Fields, name: string): number | undefined {
    const text = fields.get(name);
    if (text === null || text === '') return undefined;
    const time = /^-?\d+(\.\d*)?(e[+-]?\d+)?$/i.test(text) ? Number(text) * 1000 : Date.parse(text);
    if (!Number.isFinite(time)) throw invalid(`invalid parameter "${name}": ${text} is no time`);
    return Math.round(time);
  }
}

function missing(name: string): never {
  throw invalid(`invalid parameter "${name}": it is missing`);
}

function matchersOf(text: string): readonly Matcher[] {
  const expression = parsePromql(text);
  if (expression.kind !== 'selector') throw invalid(`invalid parameter "match[]": ${text} is no selector`);
  return expression.matchers;
}

const isSorted = (expression: Expression) =>
  (expression.kind === 'call' && expression.name.startsWith('sort')) ||
  (expression.kind === 'aggregate' && expression.operator.endsWith('k'));

function instantData(value: Value, time: number, sorted: boolean): unknown {
  if (value.kind !== 'vector')
    return {
      resultType: value.kind,
      result: [time / 1000, value.kind === 'scalar' ? textOf(value.value) : value.value],
    };
  const result = value.points.map((point) => ({
    metric: point.labels,
    value: [time / 1000, textOf(point.value)],
  }));
  if (!sorted) result.sort((a, b) => (labelsKey(a.metric) < labelsKey(b.metric) ? -1 : 1));
  return { resultType: 'vector', result };
}
