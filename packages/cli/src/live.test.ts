import { stripVTControlCharacters } from 'node:util';
import { kinds, type PipelineRun, type Pod, type TaskRun } from '@tagboat/api';
import type { Client } from '@tagboat/client';
import { expect, it } from 'vitest';
import { followRun } from './live.ts';

const task = (name: string, startTime: string): TaskRun => ({
  ...{ apiVersion: 'tekton.dev/v1', kind: 'TaskRun' },
  metadata: { name: `r-${name}`, namespace: 'n', labels: { 'tekton.dev/pipelineTask': name } },
  status: {
    podName: `r-${name}-pod`,
    startTime,
    completionTime: startTime,
    conditions: [{ type: 'Succeeded', status: 'True' }],
  },
});
const run: PipelineRun = {
  ...{ apiVersion: 'tekton.dev/v1', kind: 'PipelineRun' },
  metadata: { name: 'r', namespace: 'n' },
  spec: { pipelineSpec: { tasks: [{ name: 'clone' }, { name: 'build' }] } },
  status: { completionTime: '2026-01-01T00:00:09Z' },
};

it('shows a run that is over as it went, with what each task said above its end', async () => {
  const client = {
    get: async ({ type, name }: { type: unknown; name: string }) =>
      type === kinds.Pod ? ({ metadata: { name }, spec: { containers: [{ name: 'step-a' }] } } as Pod) : run,
    list: async () => ({
      items: [task('build', '2026-01-01T00:00:05Z'), task('clone', '2026-01-01T00:00:01Z')],
    }),
    async *logs({ name }: { name: string }) {
      yield `${name} says\n`;
    },
  };
  let text = '';
  const options = { write: (more: string) => (text += more), terminal: false };
  await followRun(
    client as unknown as Client,
    { type: kinds.PipelineRun, namespace: 'n', name: 'r' },
    options,
  );
  const words = text.split('\n').map((line) => stripVTControlCharacters(line).trim());
  expect(words.filter(Boolean)).toEqual([
    expect.stringMatching(/^clone +r-clone-pod says$/),
    '✓ clone 0ms',
    expect.stringMatching(/^build +r-build-pod says$/),
    '✓ build 0ms',
  ]);
});
