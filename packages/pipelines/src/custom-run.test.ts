import { kinds, type PipelineRun } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { mutate, mutateStatus, ObjectStore } from '@tagboat/store';
import { expect, test } from 'vitest';
import { createPipelineControllers } from './index.ts';

const namespace = 'n';
const signal = () => AbortSignal.timeout(10_000);

/** Runs a pipeline with one custom task, whose controller is `play`. */
async function withCustomTask(more: object, play: (store: ObjectStore, name: string) => Promise<void>) {
  const store = new ObjectStore();
  await using stack = new AsyncDisposableStack();
  const options = { store, clock: systemClock, log: silentLogger, customControllers: true };
  for (const controller of createPipelineControllers(options)) stack.use(controller.start());
  const created = await store.create({
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name: 'r', namespace },
    spec: {
      pipelineSpec: {
        tasks: [
          {
            name: 'wait',
            taskRef: { apiVersion: 'example.dev/v1', kind: 'Wait', name: 'w' },
            params: [{ name: 'for', value: 'it' }],
            timeout: '5m',
            retries: 2,
          },
        ],
        results: [{ name: 'out', value: '$(tasks.wait.results.word)' }],
      },
      ...more,
    },
  } as PipelineRun);
  const from = created.metadata.resourceVersion!;
  for await (const { object } of store.watch(kinds.CustomRun, { namespace }, { from, signal: signal() })) {
    await play(store, object.metadata.name);
    break;
  }
  const query = { namespace, name: 'r' };
  for await (const { object } of store.watch<PipelineRun>(kinds.PipelineRun, query, {
    from,
    signal: signal(),
  }))
    if (object.status?.completionTime) return object;
  throw new Error('the run did not end');
}

const key = (name: string) => ({ type: kinds.CustomRun, namespace, name });

test('a custom task waits for what its controller says, results included', async () => {
  const run = await withCustomTask({}, async (store, name) => {
    const custom = await store.get<{ spec: object; status?: object } & PipelineRun>(key(name));
    expect(custom).toMatchObject({
      metadata: { labels: { 'tekton.dev/pipelineTask': 'wait', 'tekton.dev/pipelineRun': 'r' } },
      spec: {
        customRef: { apiVersion: 'example.dev/v1', kind: 'Wait', name: 'w' },
        params: [{ name: 'for', value: 'it' }],
        timeout: '5m',
        retries: 2,
      },
    });
    await mutateStatus<PipelineRun>(store, key(name), (draft) => {
      draft.status = {
        conditions: [{ type: 'Succeeded', status: 'True', reason: 'Done' }],
        results: [{ name: 'word', value: 'hello' }],
      };
    });
  });
  expect(run.status).toMatchObject({
    conditions: [{ status: 'True', reason: 'Succeeded' }],
    results: [{ name: 'out', value: 'hello' }],
    childReferences: [{ kind: 'CustomRun', name: 'r-wait', pipelineTaskName: 'wait' }],
  });
});

test('the results of one that is written inline can be used too', async () => {
  const pipelineSpec = {
    tasks: [
      {
        name: 'wait',
        taskSpec: {
          apiVersion: 'example.dev/v1',
          kind: 'Wait',
          metadata: { labels: { a: 'b' } },
          spec: { for: 'it' },
        },
      },
    ],
    results: [{ name: 'out', value: '$(tasks.wait.results.word)' }],
  };
  const run = await withCustomTask({ pipelineSpec }, async (store, name) => {
    expect(await store.get(key(name))).toMatchObject({
      metadata: { labels: { a: 'b' } },
      spec: {
        customSpec: {
          apiVersion: 'example.dev/v1',
          kind: 'Wait',
          metadata: { labels: { a: 'b' } },
          spec: { for: 'it' },
        },
      },
    });
    await mutateStatus<PipelineRun>(store, key(name), (draft) => {
      draft.status = {
        conditions: [{ type: 'Succeeded', status: 'True', reason: 'Done' }],
        results: [{ name: 'word', value: 'hello' }],
      };
    });
  });
  expect(run.status).toMatchObject({ results: [{ name: 'out', value: 'hello' }] });
});

test('cancelling the run asks the controller to cancel', async () => {
  const run = await withCustomTask({}, async (store, name) => {
    const { resourceVersion: from } = (await store.get<PipelineRun>(key(name)))!.metadata;
    await mutate<PipelineRun>(store, { type: kinds.PipelineRun, namespace, name: 'r' }, (draft) => {
      draft.spec = { ...draft.spec, status: 'CancelledRunFinally' };
    });
    const options = { from: from!, signal: signal() };
    for await (const { object } of store.watch<PipelineRun>(kinds.CustomRun, { namespace }, options))
      if ((object.spec?.status as string) === 'RunCancelled') break;
    expect((await store.get<PipelineRun>(key(name)))?.spec).toMatchObject({
      statusMessage: 'CustomRun cancelled as the PipelineRun it belongs to has been cancelled.',
    });
    await mutateStatus<PipelineRun>(store, key(name), (draft) => {
      draft.status = { conditions: [{ type: 'Succeeded', status: 'False', reason: 'CustomRunCancelled' }] };
    });
  });
  expect(run.status?.conditions?.[0]).toMatchObject({ status: 'False', reason: 'Cancelled' });
});
