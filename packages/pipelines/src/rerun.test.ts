import { kinds, type PipelineRun, type PipelineTask, rerunOfAnnotation, type TaskRun } from '@tagboat/api';
import { ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { takeFromEarlierRun, takenFromAnnotation } from './rerun.ts';

let store: ObjectStore;
beforeEach(() => {
  store = new ObjectStore({});
});
afterEach(() => store[Symbol.asyncDispose]());

const tasks: PipelineTask[] = [
  { name: 'make' },
  { name: 'when', runAfter: ['make'] },
  { name: 'copy', runAfter: ['when'] },
];

interface Made {
  readonly task?: string;
  readonly script?: string;
  readonly word?: string;
  readonly takenFrom?: string;
}

const specOf = (script: string) => ({ steps: [{ name: 's', image: 'sh', script }] });

/** What one of the tasks became in a run: it succeeded, or was taken. */
function child(run: string, made: Made = {}): TaskRun {
  const { task = 'make', script = 'true', word = 'one', takenFrom } = made;
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: {
      name: `${run}-${task}`,
      namespace: 'n',
      labels: {
        'tekton.dev/pipelineRun': run,
        'tekton.dev/pipelineTask': task,
        'tekton.dev/memberOf': 'tasks',
      },
    },
    spec: { params: [{ name: 'word', value: word }] },
    status: {
      conditions: [{ type: 'Succeeded', status: 'True', reason: 'Succeeded' }],
      results: [{ name: 'from', value: run }],
      taskSpec: specOf(script),
      ...(takenFrom ? { annotations: { [takenFromAnnotation]: takenFrom } } : {}),
    },
  } as unknown as TaskRun;
}

async function made(name: string, children: readonly TaskRun[], rerunOf?: string): Promise<void> {
  for (const object of children) await store.create(object);
  await store.create<PipelineRun>({
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name, namespace: 'n', ...(rerunOf ? { annotations: { [rerunOfAnnotation]: rerunOf } } : {}) },
    status: {
      pipelineSpec: { tasks },
      childReferences: children.map(({ apiVersion, kind, metadata }) => ({
        ...{ apiVersion, kind, name: metadata.name },
        pipelineTaskName: metadata.labels!['tekton.dev/pipelineTask']!,
      })),
    },
  });
}

const take = (taskRun: TaskRun, spec = taskRun.status!.taskSpec!, kept = true) =>
  takeFromEarlierRun({ reader: store, resultsKept: async () => kept }, taskRun, spec);

/** Whether a task of the run `train-r2` is taken over from `train`. */
async function taken(made: Made = {}): Promise<boolean> {
  const taskRun = child('train-r2', made);
  const found = await take(taskRun);
  return found?.annotations?.[takenFromAnnotation] === `train-${made.task ?? 'make'}`;
}

it('keeps what a task that succeeded came to, with its results', async () => {
  await made('train', [child('train')]);
  await made('train-r2', [], 'train');
  expect(await take(child('train-r2'))).toMatchObject({
    results: [{ name: 'from', value: 'train' }],
    conditions: [{ status: 'True', message: 'Taken from TaskRun train-make, which succeeded' }],
  });
});

it('runs what has another param or another text again', async () => {
  await made('train', [child('train')]);
  await made('train-r2', [], 'train');
  expect(await taken()).toBe(true);
  expect(await taken({ word: 'two' })).toBe(false);
  expect(await taken({ script: 'false' })).toBe(false);
});

it('runs what made a large result that is kept no longer again', async () => {
  await made('train', [child('train')]);
  await made('train-r2', [], 'train');
  expect(await take(child('train-r2'), specOf('true'), false)).toBeUndefined();
});

it('keeps what differs in the name of its run alone, also where that is a word of its text', async () => {
  await made('train', [child('train', { script: 'train.py > /w/train; echo train-make' })]);
  await made('train-r2', [], 'train');
  expect(await taken({ script: 'train.py > /w/train-r2; echo train-r2-make' })).toBe(true);
});

it('runs what comes after something that ran again, also behind one that was skipped', async () => {
  const copy = { task: 'copy' };
  await made('train', [child('train'), child('train', copy)]);
  await made('train-r2', [child('train-r2', { takenFrom: 'train-make' })], 'train');
  expect(await taken(copy)).toBe(true);
  await store.delete({ type: kinds.PipelineRun, namespace: 'n', name: 'train-r2' });
  await store.delete({ type: kinds.TaskRun, namespace: 'n', name: 'train-r2-make' });
  await made('train-r2', [child('train-r2')], 'train');
  expect(await taken(copy)).toBe(false);
});

it('runs what comes after something that was skipped before, or now, again', async () => {
  const [copy, kept] = [{ task: 'copy' }, { takenFrom: 'train-make' }];
  await made('train', [child('train'), child('train', { task: 'when' }), child('train', copy)]);
  await made('train-r2', [child('train-r2', kept)], 'train');
  expect(await taken(copy)).toBe(false);
});
