import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { type Condition, type KubernetesObject, type PipelineTask, TypeRegistry } from '@tagboat/api';
import { systemClock } from '@tagboat/base';
import { openDiskStore } from '@tagboat/store';

export const namespace = 'bench';
export const bigRun = 'big';
const pod = 'big-t0-pod';

export interface Seed {
  readonly runs: number;
  readonly tasks: number;
  readonly lines: number;
}

type Store = Awaited<ReturnType<typeof openDiskStore>>;

/** Fills a state directory that no platform uses yet: a model with many runs that have ended, one with many tasks and a long log. */
export async function seed(home: string, { runs, tasks, lines }: Seed): Promise<void> {
  await mkdir(join(home, 'config'), { recursive: true, mode: 0o700 });
  {
    await using store = await openDiskStore({
      directory: join(home, 'store'),
      keyFile: join(home, 'config', 'store-key'),
      types: new TypeRegistry(),
      clock: systemClock,
    });
    await put(store, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await put(store, model);
    for (let from = 0; from < runs; from += 500)
      await Promise.all(
        Array.from({ length: Math.min(500, runs - from) }, (_, index) => put(store, run(from + index))),
      );
    for (const object of bigRunOf(tasks)) await put(store, object);
  }
  await writeLog(join(home, 'logs', namespace, pod, 'step-run.log'), lines);
}

async function put(store: Store, object: KubernetesObject): Promise<void> {
  const { status, ...rest } = object;
  const created = await store.create(rest as KubernetesObject);
  if (status !== undefined) await store.updateStatus({ ...created, status });
}

const model: KubernetesObject = {
  apiVersion: 'tagboat.dev/v1alpha1',
  kind: 'Model',
  metadata: { name: 'prices', namespace },
  spec: { repository: 'prices', deploy: [], retrain: {}, artifact: { path: 'm' }, tags: ['v*'] },
};

const ended = (passed: boolean): Condition => ({
  type: 'Succeeded',
  status: passed ? 'True' : 'False',
  reason: passed ? 'Succeeded' : 'Failed',
  message: 'Tasks Completed: 1 (Failed: 0, Cancelled 0), Skipped: 0',
});
const now = new Date().toISOString().replace(/\.\d+/, '');
const labels = {
  'tagboat.dev/model': 'prices',
  'tagboat.dev/kind': 'release',
  'tagboat.dev/repository': 'prices',
};
const taskSpec = { steps: [{ name: 'run', image: 'bash', script: 'echo' }] };

const run = (index: number): KubernetesObject => ({
  apiVersion: 'tekton.dev/v1',
  kind: 'PipelineRun',
  metadata: {
    name: `run-${index}`,
    namespace,
    labels,
    annotations: { 'tagboat.dev/tag': `v0.${index}.0`, 'tagboat.dev/author': 'Ada Example' },
  },
  spec: { pipelineSpec: { tasks: [{ name: 'only', taskSpec }] } },
  status: { startTime: now, completionTime: now, conditions: [ended(index % 7 !== 0)] },
});

/** Layers of 25 tasks, each after three of the layer before. */
function tasksOf(count: number): PipelineTask[] {
  const width = 25;
  return Array.from({ length: count }, (_, index) => {
    const layer = Math.floor(index / width);
    const after = [0, 1, width - 1].map((shift) => `t${(layer - 1) * width + ((index + shift) % width)}`);
    return { name: `t${index}`, ...(layer > 0 ? { runAfter: after } : {}), taskSpec } as PipelineTask;
  });
}

function bigRunOf(count: number): KubernetesObject[] {
  const tasks = tasksOf(count);
  const times = { startTime: now, completionTime: now };
  return [
    {
      apiVersion: 'tekton.dev/v1',
      kind: 'PipelineRun',
      metadata: { name: bigRun, namespace, labels: { 'tagboat.dev/kind': 'run' } },
      spec: { pipelineSpec: { tasks } },
      status: { ...times, conditions: [ended(true)], pipelineSpec: { tasks } },
    },
    ...tasks.map(({ name }) => taskRun(name, times)),
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: pod, namespace },
      spec: { containers: [{ name: 'step-run', image: 'bash' }], restartPolicy: 'Never' },
      status: {
        phase: 'Succeeded',
        containerStatuses: [
          { name: 'step-run', state: { terminated: { exitCode: 0, startedAt: now, finishedAt: now } } },
        ],
      },
    },
  ];
}

const taskRun = (name: string, times: { startTime: string; completionTime: string }): KubernetesObject => ({
  apiVersion: 'tekton.dev/v1',
  kind: 'TaskRun',
  metadata: {
    name: `${bigRun}-${name}`,
    namespace,
    labels: { 'tekton.dev/pipelineRun': bigRun, 'tekton.dev/pipelineTask': name },
  },
  spec: { taskSpec },
  status: {
    ...times,
    podName: `${bigRun}-${name}-pod`,
    conditions: [ended(true)],
    steps: [
      {
        name: 'run',
        container: 'step-run',
        terminated: { exitCode: 0, reason: 'Completed', startedAt: now, finishedAt: now },
      },
    ],
  },
});

async function writeLog(path: string, lines: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const out = createWriteStream(path, { mode: 0o600 });
  for (let from = 0; from < lines; from += 1000) {
    let text = '';
    for (let line = from; line < Math.min(lines, from + 1000); line++)
      text += `${new Date().toISOString()} stdout F step ${line}: loss \x1b[32m${(1 / (line + 1)).toFixed(6)}\x1b[0m\n`;
    if (!out.write(text)) await once(out, 'drain');
  }
  out.end();
  await finished(out);
}
