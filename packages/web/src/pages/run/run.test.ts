import type { PipelineRun } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { expect, test } from 'vitest';
import { lastWords } from '../../log/last-words.ts';
import { rangeOf } from '../../log/line-range.ts';
import { type Output, textOf } from '../../notebook/notebook.ts';
import { withSavedOutputs } from './executed-so-far.ts';
import { LiveNotebook } from './live-notebook.ts';
import { rerunOfRun, startRerun } from './rerun.ts';
import { outcomeOf } from './results-model.ts';

const code = (source: string) => ({ cell_type: 'code' as const, source });

test('a notebook is followed by its log: injected parameters, outputs, the running cell', () => {
  const live = new LiveNotebook({
    cells: [
      { cell_type: 'markdown', source: '# T' },
      code('eps = 1'),
      code('import os\nprint(1)'),
      code('fit()'),
    ],
  });
  for (const line of [
    '[cell 1/4] eps = 1',
    '[cell 2/4] # Parameters',
    '[cell 3/4] import os',
    '  1',
    '[cell 3/4] done in 2s',
    'noise',
  ])
    live.add(line);
  const { notebook, running } = live.view();
  expect(notebook.cells.map(({ source }) => textOf(source).split('\n')[0])).toEqual([
    '# T',
    'eps = 1',
    '# Parameters',
    'import os',
    'fit()',
  ]);
  expect(running).toBe(3);
  expect(notebook.cells[3]!.outputs).toEqual([{ output_type: 'stream', name: 'stdout', text: '1\n' }]);
  expect(notebook.cells[4]!.execution_count).toBeNull();
});

const run: PipelineRun = {
  apiVersion: 'tekton.dev/v1',
  kind: 'PipelineRun',
  metadata: {
    name: 'prices-v1-0a1b2c3d',
    namespace: 'demo',
    uid: 'u',
    resourceVersion: '7',
    labels: { 'tagboat.dev/model': 'prices' },
    annotations: { 'tagboat.dev/tag': 'v1' },
  },
  spec: { pipelineSpec: { tasks: [] }, status: 'Cancelled' },
  status: { completionTime: 'x' },
};

test('a rerun is the same run under its next name, without what the first came to', () => {
  const again = rerunOfRun(run, 2, false);
  expect(again.metadata).toEqual({
    name: 'prices-v1-0a1b2c3d-r2',
    namespace: 'demo',
    labels: { 'tagboat.dev/model': 'prices' },
    annotations: { 'tagboat.dev/tag': 'v1' },
  });
  expect(again.spec).toEqual({ pipelineSpec: { tasks: [] } });
  expect(again.status).toBeUndefined();
  expect(rerunOfRun(again, 3, { taskRuns: [] }).metadata).toMatchObject({
    name: 'prices-v1-0a1b2c3d-r3',
    annotations: { 'tagboat.dev/rerun-of': 'prices-v1-0a1b2c3d-r2' },
  });
});

test('a name stays within 63 characters', () => {
  const long = { ...run, metadata: { ...run.metadata, name: 'x'.repeat(63) } };
  expect(rerunOfRun(long, 12, false).metadata.name).toHaveLength(63);
});

test('a name that is taken is passed over', async () => {
  const taken = new Set(['prices-v1-0a1b2c3d-r2']);
  const client = {
    create: async (_type: unknown, object: PipelineRun) => {
      if (taken.has(object.metadata.name)) throw new TagboatError('there', { reason: 'AlreadyExists' });
      return object;
    },
  };
  expect(await startRerun(client as never, run, false)).toBe('prices-v1-0a1b2c3d-r3');
});

test('results are sorted by what they mean', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const outcome = outcomeOf(
    new Map([
      ['evaluate-metrics', '{"error":0.1,"n":null}'],
      ['evaluate-deployed-metrics', '{"error":0.2}'],
      ['train-model-digest', digest],
      ['build-image', `host/demo/prices@${digest}`],
      ['build-image-digest', digest],
      ['release-outcome', 'Released'],
      ['empty', ''],
    ]),
    { project: 'demo', model: 'prices' },
  );
  expect(outcome.metrics).toEqual([
    { name: 'error', value: 0.1, before: 0.2 },
    { name: 'n', value: null },
  ]);
  expect(outcome.artifacts.map(({ what, repository }) => [what, repository])).toEqual([
    ['Model', 'demo/prices/model'],
    ['Image', 'demo/prices'],
  ]);
  expect(outcome.others).toEqual([{ name: 'release-outcome', value: 'Released' }]);
});

test.each([
  ['L12', [12, 12]],
  ['L3-L9', [3, 9]],
  ['L9-3', [9, 9]],
  ['cell-3', undefined],
  ['', undefined],
])('the address %j names lines', (hash, range) => {
  expect(rangeOf(hash)).toEqual(range);
});

test('a rerun from the failed task goes on with the volume of the first', () => {
  const first: PipelineRun = {
    ...run,
    spec: {
      pipelineSpec: { tasks: [{ name: 'train', workspaces: [{ name: 'source', workspace: 'work' }] }] },
      workspaces: [
        { name: 'work', volumeClaimTemplate: { spec: {} } },
        { name: 'cache', emptyDir: {} },
      ],
    },
  };
  const taskRun = {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: { name: 't', labels: { 'tekton.dev/pipelineTask': 'train' } },
    spec: { workspaces: [{ name: 'source', persistentVolumeClaim: { claimName: 'pvc-1' } }] },
  };
  expect(rerunOfRun(first, 2, { taskRuns: [taskRun] }).spec?.workspaces).toEqual([
    { name: 'work', persistentVolumeClaim: { claimName: 'pvc-1' } },
    { name: 'cache', emptyDir: {} },
  ]);
});

test.each([
  [
    'noise\n\x1b[31mValueError\x1b[0m: x\nerror: a.ipynb, cell 9: ValueError: x\n  at: raise\n',
    'a.ipynb, cell 9: ValueError: x\n  at: raise',
  ],
  ['one\ntwo\n', 'two'],
  ['', ''],
])('the last words of %j', (log, words) => {
  expect(lastWords(log)).toBe(words);
});

test('what is saved of a running notebook takes the place of its text, but for the text that is newer', () => {
  const ran = (source: string, outputs: Output[] = []) => ({ ...code(source), outputs });
  const text = (words: string): Output => ({ output_type: 'stream', name: 'stdout', text: words });
  const picture: Output = {
    output_type: 'display_data',
    data: { 'image/png': 'AAAA', 'text/plain': '<Figure>' },
  };
  const notebook = {
    cells: [ran('plot()', [text('<Figure>')]), ran('loop()', [text('1\n2\n')]), ran('end()')],
  };
  const saved = {
    cells: [ran('# parameters'), ran('plot()', [picture]), ran('loop()', [text('1\n')]), ran('end()')],
  };
  const merged = withSavedOutputs({ notebook, running: 1 }, saved);
  expect(merged.cells.map(({ outputs }) => outputs)).toEqual([[picture], [text('1\n2\n')], []]);
  expect(withSavedOutputs({ notebook, running: 1 }, undefined)).toBe(notebook);
});
