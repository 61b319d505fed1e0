import type { KubernetesObject, PipelineRun, ResourceType, TaskRun } from '@tagboat/api';
import { kinds } from '@tagboat/api';
import { expect, it } from 'vitest';
import { followTree } from './follow-tree.ts';
import type { RunSource, SourceEvent } from './run-source.ts';

const conditions = [{ type: 'Succeeded', status: 'True' as const, reason: 'Succeeded' }];
const over = { startTime: '2026-01-01T00:00:00Z', completionTime: '2026-01-01T00:00:01Z', conditions };
const task = {
  apiVersion: 'tekton.dev/v1',
  kind: 'TaskRun',
  metadata: {
    name: 'r-one',
    namespace: 'n',
    labels: { 'tekton.dev/pipelineRun': 'r', 'tekton.dev/pipelineTask': 'one' },
  },
  status: {
    ...over,
    podName: 'p',
    timing: {
      startedAt: '2026-01-01T00:00:00.100Z',
      finishedAt: '2026-01-01T00:00:00.350Z',
      runSeconds: 0.2,
    },
    steps: [{ name: 's', container: 'step-s', terminated: { exitCode: 0 } }],
  },
} as unknown as TaskRun;
const run = {
  apiVersion: 'tekton.dev/v1',
  kind: 'PipelineRun',
  metadata: { name: 'r', namespace: 'n' },
  status: {
    ...over,
    pipelineSpec: { tasks: [{ name: 'one' }] },
    childReferences: [{ kind: 'TaskRun', name: 'r-one', pipelineTaskName: 'one' }],
  },
} as unknown as PipelineRun;

/** The watch of TaskRuns tells nothing before the run is over. */
const source: RunSource = {
  get: async <T extends KubernetesObject>() => task as KubernetesObject as T,
  create: () => Promise.reject(new Error('nothing is created')),
  replace: () => Promise.reject(new Error('nothing is replaced')),
  async *watch<T extends KubernetesObject>(type: ResourceType, { signal }: { signal: AbortSignal }) {
    if (type === kinds.PipelineRun)
      yield { type: 'ADDED', object: run as KubernetesObject } as SourceEvent<T>;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  },
  async *logs() {
    yield 'said\n';
  },
};

it('tells of tasks whose end was told later than the run’s', async () => {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  const key = { type: kinds.PipelineRun, namespace: 'n', name: 'r' };
  await followTree(source, key, { write, terminal: false });
  expect(text).toMatch(/✓ one +250ms/);
  expect(text).toMatch(/one +said/);
});
