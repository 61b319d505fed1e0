import { kinds, type PipelineRun } from '@tagboat/api';
import { silentLogger, systemClock } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { expect, test } from 'vitest';
import { createPipelineControllers } from './index.ts';
import { tektonDenial } from './validate.ts';

const run = (name: string, spec: object): PipelineRun =>
  ({
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name, namespace: 'n' },
    spec: { pipelineRef: { name: 'nowhere' }, ...spec },
  }) as PipelineRun;

test('a run of another controller is left alone, and stays that controller’s', async () => {
  await using store = new ObjectStore();
  await using stack = new AsyncDisposableStack();
  for (const controller of createPipelineControllers({ store, clock: systemClock, log: silentLogger }))
    stack.use(controller.start());
  const theirs = run('theirs', { managedBy: 'example.dev/other' });
  const { metadata } = await store.create(theirs);
  await store.create(run('ours', { managedBy: 'tekton.dev/pipeline' }));
  const from = metadata.resourceVersion!;
  for await (const { object } of store.watch<PipelineRun>(kinds.PipelineRun, { name: 'ours' }, { from }))
    if (object.status?.completionTime) break;
  const left = await store.get<PipelineRun>({ type: kinds.PipelineRun, namespace: 'n', name: 'theirs' });
  expect(left?.status).toBeUndefined();
  expect(tektonDenial(run('theirs', {}), theirs)).toContain('managedBy is immutable');
});
