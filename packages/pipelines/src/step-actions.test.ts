import type { StepAction, TaskSpec } from '@tagboat/api';
import { ObjectStore } from '@tagboat/store';
import { expect, test } from 'vitest';
import { resolveStepActions } from './step-actions.ts';
import { lookupIn } from './substitute.ts';

async function resolve(action: StepAction['spec'], step: object, params = {}): Promise<TaskSpec> {
  const store = new ObjectStore();
  const metadata = { name: 'greet', namespace: 'n' };
  await store.create({
    apiVersion: 'tekton.dev/v1beta1',
    kind: 'StepAction',
    metadata,
    spec: action,
  } as never);
  const spec = { steps: [{ name: 's', ref: { name: 'greet' }, ...step }] } as TaskSpec;
  const variables = lookupIn(new Map(Object.entries(params)) as never);
  return (await resolveStepActions({ reader: store, namespace: 'n' }, spec, variables)).spec;
}

const action = {
  image: 'alpine',
  params: [
    { name: 'who', default: 'world' },
    { name: 'words', type: 'array', default: ['a', 'b'] },
  ],
  command: ['echo'],
  args: ['hello $(params.who)', '$(params.words[*])'],
} as unknown as StepAction['spec'];

test('a step is what its action says, with its own params over the defaults', async () => {
  const { steps } = await resolve(
    action,
    { params: [{ name: 'who', value: '$(params.name)' }] },
    {
      'params.name': 'Ann',
    },
  );
  expect(steps).toEqual([{ name: 's', image: 'alpine', command: ['echo'], args: ['hello Ann', 'a', 'b'] }]);
});

test('a result of an earlier step stays a reference, which the node replaces when that step has run', async () => {
  const { steps } = await resolve(action, {
    params: [
      { name: 'who', value: '$(steps.first.results.name)' },
      { name: 'words', value: '$(steps.first.results.list[*])' },
    ],
  });
  expect(steps[0]?.args).toEqual(['hello $(steps.first.results.name)', '$(steps.first.results.list[*])']);
});

test.each([
  [{ params: [{ name: 'nobody', value: 'x' }] }, 'does not declare'],
  [{ ref: { name: 'absent' } }, 'stepactions.tekton.dev "absent" not found'],
])('%j is refused', async (step, message) => {
  await expect(resolve(action, step)).rejects.toThrow(message);
});

test('a param without a value is named', async () => {
  const needs = { image: 'a', params: [{ name: 'who' }] } as StepAction['spec'];
  await expect(resolve(needs, {})).rejects.toThrow('[who]');
});
