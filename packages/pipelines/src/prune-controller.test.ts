import { type ConfigMap, kinds, type PipelineRun } from '@tagboat/api';
import { ManualClock, silentLogger } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settingsNamespace } from './config-defaults.ts';
import { parsePruner, prunerName } from './history-limits.ts';
import { pruneControllers } from './prune-controller.ts';

const start = Date.parse('2026-01-01T00:00:00Z');
let store: ObjectStore;
let clock: ManualClock;
let stack: AsyncDisposableStack;
beforeEach(() => {
  store = new ObjectStore({});
  clock = new ManualClock(start);
  stack = new AsyncDisposableStack();
  for (const controller of pruneControllers({ store, clock, log: silentLogger }))
    stack.use(controller.start());
});
afterEach(async () => {
  await stack.disposeAsync();
  await store[Symbol.asyncDispose]();
});

async function configure(config: string): Promise<void> {
  await store.create<ConfigMap>({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: prunerName, namespace: settingsNamespace },
    data: { 'global-config': config },
  });
}

interface Made {
  readonly status?: 'True' | 'False';
  readonly namespace?: string;
  readonly rerunOf?: string;
}

/** A run that ended so many seconds after the start, or has not ended. */
async function run(name: string, ended: number | undefined, made: Made = {}): Promise<void> {
  const { status = 'True', namespace = 'n', rerunOf } = made;
  await store.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name, namespace, ...(rerunOf ? { annotations: { 'tagboat.dev/rerun-of': rerunOf } } : {}) },
    status:
      ended === undefined
        ? {}
        : {
            completionTime: new Date(start + ended * 1000).toISOString(),
            conditions: [{ type: 'Succeeded', status, reason: 'x' }],
          },
  } as unknown as PipelineRun);
}

/** Resolves when only these runs are left. */
async function left(...names: string[]): Promise<void> {
  for (;;) {
    const { items } = await store.list<PipelineRun>(kinds.PipelineRun);
    if (items.map(({ metadata }) => metadata.name).join() === names.join()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('finished runs', () => {
  it('stay where nothing is set, and go by number once it is', async () => {
    for (const [index, name] of ['a', 'b', 'c'].entries()) await run(name, index);
    await run('bad', 0, { status: 'False' });
    await run('open', undefined);
    await run('other', 0, { namespace: 'm' });
    await configure('successfulHistoryLimit: 1\nnamespaces: { m: { successfulHistoryLimit: 0 } }');
    await left('bad', 'c', 'open');
  });

  it('go by age', async () => {
    await configure('ttlSecondsAfterFinished: 60');
    await run('a', 0);
    await run('b', 30);
    await left('a', 'b');
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(60_000);
    await left('b');
    clock.advance(30_000);
    await left();
  });

  it('stay as long as a rerun takes over what they did', async () => {
    await run('earlier', 0);
    await run('again', undefined, { rerunOf: 'earlier' });
    await run('newer', 1);
    await run('newest', 2);
    await configure('historyLimit: 1');
    await left('again', 'earlier', 'newest');
  });
});

it.each([
  ['historyLimit: -1', /historyLimit, found -1/],
  ['historyLimit: two', /whole number from 0/],
  ['selector: []', /nothing here acts on global-config: selector/],
  ['enforcedConfigLevel: resource', /expected global or namespace/],
  ['- a', /expected a mapping/],
])('refuses %s', (text, message) => {
  expect(() => parsePruner({ 'global-config': text })).toThrow(message);
});
