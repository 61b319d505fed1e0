import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCondition, type KubernetesObject, kinds } from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import { EventRecorder } from '@tagboat/controller';
import { type Model, readModelFile } from '@tagboat/render';
import { mutate, ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { distanceOf } from './distance.ts';
import { DriftWatch } from './drift-watch.ts';
import { InputWindow, type ServerInputs } from './input-window.ts';
import { binLabels, parseProfile } from './profile.ts';

const profile = {
  version: 1,
  rows: 1000,
  leftOut: 0,
  features: [
    { name: 'x', kind: 'number', edges: [1, 2], counts: [300, 400, 300, 0, 0] },
    { name: 'kind', kind: 'category', categories: ['a', 'b'], counts: [500, 500, 0, 0] },
  ],
};
const alike = (many: number) => [
  [many * 0.3, many * 0.4, many * 0.3, 0, 0],
  [many / 2, many / 2, 0, 0],
];
const shifted = (many: number) => [
  [0, 0, many, 0, 0],
  [many / 2, many / 2, 0, 0],
];
const inputs = (observed: number, counts: number[][], more: Partial<ServerInputs> = {}): ServerInputs => ({
  model: 'sha256:m1',
  started: 1,
  observed,
  counts,
  ...more,
});

describe('distances', () => {
  it('is the population stability index, as published examples have it', () => {
    // 0.1 * ln(0.3 / 0.2) * 2 = 0.0811; an empty bin counts as 0.0001.
    expect(distanceOf('psi')([20, 30, 50], [30, 20, 50])).toBeCloseTo(0.0810930216, 9);
    expect(distanceOf('psi')([50, 50], [100, 0])).toBeCloseTo(
      0.5 * Math.log(2) - 0.4999 * Math.log(0.0002),
      9,
    );
    expect(distanceOf('psi')([5, 5], [500, 500])).toBe(0);
  });
  it('is the Jensen-Shannon distance, from 0 to 1', () => {
    expect(distanceOf('jensenshannon')([1, 0], [0, 1])).toBe(1);
    expect(distanceOf('jensenshannon')([3, 3], [1, 1])).toBe(0);
    expect(distanceOf('jensenshannon')([50, 50], [90, 10])).toBeCloseTo(0.3831, 4);
  });
  it('is nothing where nothing was counted', () => {
    expect(distanceOf('psi')([1, 2], [0, 0])).toBe(0);
  });
});

describe('a profile', () => {
  it('has words for its bins', () => {
    expect(parseProfile(profile).features.map(binLabels)).toEqual([
      ['≤ 1', '1 – 2', '> 2', 'no number', 'missing'],
      ['a', 'b', 'other', 'missing'],
    ]);
  });
  it.each([
    [{}, /version 1/],
    [{ ...profile, features: [{ name: 'x', kind: 'number', edges: [1], counts: [1] }] }, /expected 4 counts/],
    [{ ...profile, features: [{ name: 'x', kind: 'number', edges: ['1'], counts: [] }] }, /its bins/],
  ])('that is none is refused', (value, message) => {
    expect(() => parseProfile(value)).toThrow(message);
  });
});

describe('a window of inputs', () => {
  const window = 24 * 3600_000;
  const at = (hour: number) => ({ now: hour * 3600_000, window });
  it('adds what every replica counted since it was asked last', () => {
    const counted = new InputWindow(parseProfile(profile));
    counted.add('a', inputs(10, alike(10)), at(100));
    counted.add('a', inputs(30, alike(30)), at(100));
    counted.add('b', inputs(20, alike(20)), at(101));
    expect(counted.total(at(101))).toEqual({ rows: 50, counts: alike(50) });
  });
  it('counts from nothing where a server started anew', () => {
    const counted = new InputWindow(parseProfile(profile));
    counted.add('a', inputs(30, alike(30)), at(100));
    counted.add('a', inputs(10, alike(10), { started: 2 }), at(100));
    expect(counted.total(at(100)).rows).toBe(40);
  });
  it('moves on, and comes back from disk as it was', () => {
    const counted = new InputWindow(parseProfile(profile));
    counted.add('a', inputs(10, alike(10)), at(100));
    counted.add('a', inputs(30, alike(30)), at(110));
    const again = new InputWindow(
      counted.profile,
      JSON.parse(JSON.stringify(counted.stored())) as ReturnType<InputWindow['stored']>,
    );
    expect(again.add('a', inputs(30, alike(30)), at(111))).toBe(false);
    expect(again.total(at(123)).rows).toBe(30);
    expect(again.total(at(124)).rows).toBe(20);
    expect(again.total(at(200)).rows).toBe(0);
  });
  it('passes over answers that do not fit the reference', () => {
    const counted = new InputWindow(parseProfile(profile));
    for (const counts of [[], [[1]], [[1, 2, 3, 4, -1], []], 'x'])
      expect(counted.add('a', inputs(5, counts as number[][]), at(1))).toBe(false);
  });
});

const [declared] = readModelFile(`apiVersion: tagboat.dev/v1alpha1
kind: Model
metadata: { name: tiny }
spec:
  artifact: { path: m }
  serve: { predictor: "p.py:P" }
  monitor: { drift: { minSamples: 100 } }
`);

describe('watching', () => {
  let store: ObjectStore;
  let clock: ManualClock;
  let directory: string;
  let events: EventRecorder;
  let reference: unknown;
  let servers: Map<string, ServerInputs | Error>;
  const modelKey = { type: kinds.Model, namespace: 'demo', name: 'tiny' };

  beforeEach(async () => {
    clock = new ManualClock();
    store = new ObjectStore({});
    directory = await mkdtemp(join(tmpdir(), 'tagboat-drift-'));
    events = new EventRecorder({ store, clock, log: silentLogger, component: 'drift' });
    reference = profile;
    servers = new Map();
    await store.create<Model>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Model',
      metadata: { name: 'tiny', namespace: 'demo' },
      spec: { ...declared!.spec, repository: 'tiny' },
    });
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  const watching = async () => {
    const watch = new DriftWatch({
      store,
      clock,
      log: silentLogger,
      events,
      directory,
      targets: () =>
        [...servers.keys()].map((pod) => ({
          url: `http://${pod}/metrics`,
          labels: { namespace: 'demo-staging', inferenceservice: 'tiny', pod },
        })),
      reference: async () => {
        if (reference instanceof Error) throw reference;
        return reference;
      },
      fetch: async (url) => {
        const answer = servers.get(new URL(url).host);
        if (answer instanceof Error) throw answer;
        return answer;
      },
    });
    await watch.load();
    return watch;
  };
  const deploy = (digest: string) =>
    store.create({
      apiVersion: 'serving.kserve.io/v1beta1',
      kind: 'InferenceService',
      metadata: {
        name: 'tiny',
        namespace: 'demo-staging',
        annotations: { 'tagboat.dev/model-digest': digest, 'tagboat.dev/tag': 'v1' },
      },
      spec: { predictor: { containers: [{ image: 'h:1/demo/tiny@sha256:i' }] } },
    } as KubernetesObject);
  const condition = async () => {
    const model = await store.get<Model>(modelKey);
    const { status, reason, message } = findCondition(model?.status?.conditions, 'Drifting') ?? {};
    return [status, reason, message];
  };
  const recorded = async () => {
    await events.flush();
    const { items } = await store.list<KubernetesObject & { reason: string }>(kinds.Event);
    return items.map(({ reason }) => reason);
  };

  it('says unknown, steady and drifting, with the feature and its figure, and an event at each change', async () => {
    await using watch = await watching();
    await watch.look();
    expect(await condition()).toEqual(['Unknown', 'NotDeployed', 'nothing is deployed yet']);
    await deploy('sha256:m1');
    servers.set('a', inputs(50, alike(50)));
    await watch.look();
    expect(await condition()).toEqual(['Unknown', 'TooFewRequests', 'staging: 50 of 100 inputs in 24h']);
    servers.set('b', inputs(50, alike(50)));
    await watch.look();
    expect(await condition()).toEqual([
      'False',
      'InputsSteady',
      'staging: the furthest is x psi 0 (threshold 0.2)',
    ]);
    servers.set('a', inputs(450, [[15, 20, 415, 0, 0], alike(450)[1]!]));
    await watch.look();
    expect(await condition()).toEqual([
      'True',
      'InputsDrift',
      'staging: x psi 1.5 (threshold 0.2); 1 of 2 features drift',
    ]);
    expect((await store.get<Model>(modelKey))?.status?.drift).toEqual({
      environment: 'staging',
      feature: 'x',
      method: 'psi',
      score: 1.5,
    });
    expect(watch.metricsText()).toMatch(
      /tagboat_model_input_drift\{namespace="demo-staging",name="tiny",version="m1",feature="x",method="psi"\} 1\.\d+/,
    );
    expect(await recorded()).toEqual(['InputsSteady', 'DriftDetected']);
    clock.advance(25 * 3600_000);
    await watch.look();
    expect((await condition())[1]).toBe('TooFewRequests');
  });

  it('goes on over a restart, and counts nothing twice', async () => {
    await deploy('sha256:m1');
    servers.set('a', inputs(150, shifted(150)));
    {
      await using watch = await watching();
      await watch.look();
    }
    await using again = await watching();
    reference = new Error('the registry is away');
    await again.look();
    expect(again.report('demo', 'tiny')?.environments[0]).toMatchObject({ state: 'drifting', inputs: 150 });
  });

  it('says why nothing can be compared', async () => {
    await deploy('sha256:m1');
    reference = new Error('the registry is away');
    await using watch = await watching();
    await watch.look();
    expect((await condition()).slice(1)).toEqual([
      'ReferenceUnavailable',
      'staging: the reference of v1 cannot be read: the registry is away',
    ]);
    reference = undefined;
    await watch.look();
    expect(await condition()).toEqual([
      'Unknown',
      'NoReference',
      'staging: v1 has no reference of its inputs: name one by monitor.reference in tagboat.yaml, and release again',
    ]);
  });

  it('a new version begins anew, and pods of the old one count for nothing', async () => {
    await deploy('sha256:m1');
    servers.set('a', inputs(150, shifted(150)));
    await using watch = await watching();
    await watch.look();
    expect((await condition())[0]).toBe('True');
    await mutate(
      store,
      { type: kinds.InferenceService, namespace: 'demo-staging', name: 'tiny' },
      (draft) => {
        draft.metadata.annotations!['tagboat.dev/model-digest'] = 'sha256:m2';
      },
    );
    servers.set('a', inputs(500, shifted(500)));
    servers.set(
      'b',
      inputs(
        3,
        [
          [1, 1, 1, 0, 0],
          [3, 0, 0, 0],
        ],
        { model: 'sha256:m2' },
      ),
    );
    await watch.look();
    expect(await condition()).toEqual(['Unknown', 'TooFewRequests', 'staging: 3 of 100 inputs in 24h']);
    clock.advance(25 * 3600_000);
    await watch.look();
    expect(await readdir(directory)).toHaveLength(1);
  });

  it('servers that fail, and files that are broken, hide nothing else', async () => {
    await deploy('sha256:m1');
    await writeFile(join(directory, 'broken.json'), '{');
    servers.set('a', new Error('refused'));
    servers.set('b', inputs(200, alike(200)));
    await using watch = await watching();
    await watch.look();
    expect((await condition())[0]).toBe('False');
  });

  it('says nothing of a model that asks for nothing', async () => {
    await deploy('sha256:m1');
    await using watch = await watching();
    await watch.look();
    await mutate<Model>(store, modelKey, (draft) => {
      delete (draft.spec as { monitor?: object }).monitor;
    });
    await watch.look();
    expect(await condition()).toEqual([undefined, undefined, undefined]);
    expect(watch.report('demo', 'tiny')).toBeUndefined();
  });
});
