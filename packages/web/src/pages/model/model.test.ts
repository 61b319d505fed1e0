import type { Experiment } from '@tagboat/api';
import { describe, expect, test } from 'vitest';
import { related } from '../../layered-graph/layout.ts';
import { lineageOf } from './lineage.ts';
import { environmentsOf, gatesOf, numberText, type Service, versionsOf } from './model-data.ts';
import { fieldsOf, initialTexts, readForm, type Schema } from './schema.ts';
import { shellQuoted, snippets } from './snippets.ts';

const model = {
  metadata: { name: 'prices', namespace: 'demo' },
  spec: {
    deploy: [{ environment: 'staging' }, { environment: 'production', namespace: 'prod' }],
    evaluate: {
      gates: [
        { metric: 'error', max: 0.2, notWorseThanDeployedBy: 0.01 },
        { metric: 'rows', min: 10 },
      ],
    },
  },
};

const experiment = (name: string, spec: Partial<NonNullable<Experiment['spec']>>, at: string): Experiment =>
  ({
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Experiment',
    metadata: { name, namespace: 'demo', creationTimestamp: at },
    spec: {
      model: 'prices',
      pipelineRun: name,
      repository: 'prices',
      commit: `${name}-commit`,
      parameters: { depth: 4 },
      metrics: { error: 0.1 },
      data: { train: 'sha256:data' },
      modelDigest: `sha256:model-${name}`,
      imageDigest: `sha256:image-${name}`,
      ...spec,
    },
  }) as Experiment;

const service = (namespace: string, run: string, ready = true): Service => ({
  apiVersion: 'serving.kserve.io/v1beta1',
  kind: 'InferenceService',
  metadata: {
    name: 'prices',
    namespace,
    annotations: {
      'tagboat.dev/tag': 'v1',
      'tagboat.dev/run': run,
      'tagboat.dev/model-digest': `sha256:model-${run}`,
    },
  },
  spec: { predictor: { containers: [{ image: `host/demo/prices@sha256:image-${run}` }] } },
  status: {
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', message: ready ? '' : 'starting' }],
  },
});

const experiments = [
  experiment('one', { tag: 'v1' }, '2026-01-01T00:00:00Z'),
  experiment('two', { tag: 'v2', verdict: 'refused error: 0.4 is above 0.2' }, '2026-01-02T00:00:00Z'),
];

describe('a model', () => {
  test('has its environments in the order they are declared, with what serves there', () => {
    const [staging, production] = environmentsOf(model, [service('demo-staging', 'one', false)]);
    expect(staging).toMatchObject({
      name: 'staging',
      namespace: 'demo-staging',
      ready: false,
      message: 'starting',
    });
    expect(staging?.place?.tag).toBe('v1');
    expect(production).toEqual({ name: 'production', namespace: 'prod', ready: false });
  });

  test('has its versions newest first, with where each runs and whether it passed', () => {
    const environments = environmentsOf(model, [service('demo-staging', 'one'), service('prod', 'one')]);
    const versions = versionsOf(experiments, environments);
    expect(versions.map(({ name, passed, environments: places }) => [name, passed, places])).toEqual([
      ['v2', false, []],
      ['v1', true, ['staging', 'production']],
    ]);
  });

  test('stands at its gates; a metric that is missing or no number fails', () => {
    const states = (metrics: Record<string, number | null>) =>
      gatesOf(model, metrics).map(({ passed }) => passed);
    expect(states({ error: 0.2, rows: 10 })).toEqual([true, true]);
    expect(states({ error: 0.21, rows: 9 })).toEqual([false, false]);
    expect(states({ error: null })).toEqual([false, false]);
    expect(states({ error: Number.NaN, rows: 10 })).toEqual([false, true]);
    expect(gatesOf(model, {})[0]?.wanted).toBe('at most 0.2, at most 0.01 worse than what is deployed');
  });

  test.each([
    [1280, '1,280'],
    [0.0171875, '0.0172'],
    [12.34567, '12.346'],
    [null, 'none'],
    [Number.NaN, 'none'],
  ])('the number %s for people', (value, text) => expect(numberText(value)).toBe(text));
});

test('lineage leads from data to predictions and back; what is shared is one box', () => {
  const environments = environmentsOf(model, [service('demo-staging', 'one')]);
  const { nodes, edges } = lineageOf({
    project: 'demo',
    model: 'prices',
    versions: versionsOf(experiments, environments),
    environments,
    requests: new Map([['demo-staging', 12]]),
  });
  expect(nodes.filter(({ what }) => what === 'data')).toHaveLength(1);
  const forwards = related('data sha256:data', edges);
  expect(forwards).toContain('image sha256:image-two');
  expect(forwards).toContain('requests demo-staging');
  const backwards = related('requests demo-staging', edges);
  expect([...backwards].sort()).toEqual(
    [
      'commit one-commit',
      'data sha256:data',
      'environment demo-staging',
      'image sha256:image-one',
      'model sha256:model-one',
      'requests demo-staging',
      'run one',
    ].sort(),
  );
});

const schema: Schema = {
  anyOf: [
    { type: 'array' },
    {
      type: 'object',
      required: ['size', 'city'],
      properties: {
        size: { type: 'number', minimum: 0 },
        rooms: { type: 'integer' },
        city: { type: 'string', enum: ['Brno', 'Ghent'] },
        new: { type: 'boolean' },
        tags: { type: 'array', items: { type: 'string', description: 'a word' } },
      },
    },
  ],
};

describe('the form of a schema', () => {
  const fields = fieldsOf(schema)!;

  test('has a field for each property', () => {
    expect(fields.map(({ name, kind, required }) => [name, kind, required])).toEqual([
      ['size', 'number', true],
      ['rooms', 'integer', false],
      ['city', 'choice', true],
      ['new', 'boolean', false],
      ['tags', 'json', false],
    ]);
    expect(fields.at(-1)?.description).toBe('a list of: a word');
    expect(fieldsOf({ type: 'array' })).toBeUndefined();
    expect(fieldsOf(undefined)).toBeUndefined();
  });

  test('begins with the example', () => {
    expect(initialTexts(fields, { size: 80, tags: ['a'] })).toMatchObject({
      size: '80',
      tags: '["a"]',
      rooms: '',
    });
  });

  test.each([
    [
      { size: '80.5', city: 'Ghent', rooms: '3', new: 'true', tags: '["a"]' },
      { size: 80.5, city: 'Ghent', rooms: 3, new: true, tags: ['a'] },
    ],
    [
      { size: '80', city: 'Brno' },
      { size: 80, city: 'Brno' },
    ],
  ])('reads %o', (texts, value) =>
    expect(readForm(fields, texts as Record<string, string>)).toEqual({ value }),
  );

  test.each([
    [{ size: '', city: 'Brno' }, 'size is required'],
    [{ size: 'x', city: 'Brno' }, 'size: expected a number'],
    [{ size: '-1', city: 'Brno' }, 'size: expected at least 0'],
    [{ size: '1', city: 'Brno', rooms: '1.5' }, 'rooms: expected a whole number'],
    [{ size: '1', city: 'Brno', tags: '[' }, 'tags: expected JSON'],
  ])('says what is wrong with %o', (texts, problem) => {
    const read = readForm(fields, texts as Record<string, string>);
    expect('problem' in read && read.problem).toContain(problem);
  });
});

test('snippets quote whatever is asked', () => {
  const input = { name: "it's $(rm) `x` '''" };
  expect(shellQuoted("it's")).toBe(`'it'\\''s'`);
  const made = snippets('http://127.0.0.1:8081/demo/prices/predict', input);
  expect(made.curl.endsWith(shellQuoted(JSON.stringify(input)))).toBe(true);
  expect(made.Python).not.toMatch(/x` '''"/);
  expect(made.JavaScript).toContain('JSON.stringify({');
});
