import { type KubernetesObject, kinds, type PipelineRun, parseYaml, type TaskRun } from '@tagboat/api';
import type { Client } from '@tagboat/client';
import { failures, PlatformProcess, until } from '@tagboat/dev-env';
import { afterAll, beforeAll, expect, test } from 'vitest';

const namespace = 'default';
let platform: PlatformProcess;
beforeAll(async () => {
  platform = await PlatformProcess.start();
}, 60_000);
afterAll(() => platform?.[Symbol.asyncDispose](), 60_000);

const taskOf = ({ metadata }: KubernetesObject) => metadata.labels?.['tekton.dev/pipelineTask'];
const succeeded = ({ status }: TaskRun) => status?.conditions?.[0]?.status === 'True';

/** Waits until a step of the task runs, in its attempt of that number. */
const running = (client: Client, task: string, attempt = 0) =>
  until<TaskRun>(
    client,
    { type: kinds.TaskRun, namespace, what: `a step of ${task} that runs`, timeout: 60_000 },
    (run) =>
      taskOf(run) === task &&
      (run.status?.retriesStatus?.length ?? 0) === attempt &&
      Boolean(run.status?.steps?.some((step) => step.running)),
  );

/** The name that a task writes when it ends. */
const markOf = (run: TaskRun) =>
  String(run.spec?.params?.find(({ name }) => name === 'which')?.value ?? taskOf(run));

const doneBy = async (client: Client) =>
  (await client.list<TaskRun>(kinds.TaskRun, { namespace })).items.filter(succeeded);

test('a run that is killed in each of its parts ends well, and nothing that had succeeded runs again', {
  timeout: 180_000,
}, async () => {
  let client = await platform.client();
  for (const { value } of parseYaml(objects, 'objects')) {
    const object = value as PipelineRun;
    await client.create(kinds[object.kind as 'PipelineRun' | 'PersistentVolumeClaim'], object);
  }
  const done = new Map<string, string>();
  const interrupted = new Map<string, number>();
  for (const [task, attempt] of [
    ['first', 0],
    ['many', 0],
    ['again', 1],
    ['inner', 0],
    ['last', 0],
  ] as const) {
    await running(client, task, attempt);
    for (const { metadata, status } of await doneBy(client))
      done.set(metadata.name, `${metadata.uid} ${status?.completionTime}`);
    const { items } = await client.list<TaskRun>(kinds.TaskRun, { namespace });
    for (const name of items.filter((run) => !succeeded(run)).map(markOf))
      interrupted.set(name, (interrupted.get(name) ?? 0) + 1);
    await platform.kill();
    await platform.start();
    client = await platform.client();
    if (task === 'inner') await endCustomRun(client);
  }
  const run = await until<PipelineRun>(
    client,
    { type: kinds.PipelineRun, namespace, what: 'the end of the run', timeout: 60_000 },
    ({ metadata, status }) => metadata.name === 'run' && status?.completionTime !== undefined,
  );
  expect(run.status?.conditions?.[0], await failures(client, run)).toMatchObject({
    status: 'True',
    message: 'Tasks Completed: 6 (Failed: 0, Cancelled 0), Skipped: 0',
  });
  const after = new Map(
    (await doneBy(client)).map(({ metadata, status }) => [
      metadata.name,
      `${metadata.uid} ${status?.completionTime}`,
    ]),
  );
  expect(done.size).toBeGreaterThan(3);
  for (const [name, what] of done) expect(after.get(name), name).toBe(what);
  // The finally task counts how often each other one came to its end: once, and again only where a kill came between that
  // end and its record.
  const counts: Record<string, number> = JSON.parse(
    String(run.status?.results?.find(({ name }) => name === 'counts')?.value),
  );
  expect(Object.keys(counts).sort()).toEqual(['again', 'first', 'inner', 'one', 'two']);
  for (const [name, count] of Object.entries(counts))
    expect(count, name).toBeLessThanOrEqual(1 + (interrupted.get(name) ?? 0));
});

/** Does what the controller of the custom task would. */
async function endCustomRun(client: Client): Promise<void> {
  const type = kinds.CustomRun;
  const custom = await until<KubernetesObject>(
    client,
    { type, namespace, what: 'the custom run' },
    (run) => taskOf(run) === 'custom',
  );
  const status = { conditions: [{ type: 'Succeeded', status: 'True', reason: 'Done' }] };
  const path = `/apis/tekton.dev/v1beta1/namespaces/${namespace}/customruns/${custom.metadata.name}/status`;
  await client.request('PUT', path, { ...custom, status });
}

const says = (name: string) => `sleep 0.3; echo ${name} >> $(workspaces.shared.path)/ended`;
const objects = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: shared, namespace: ${namespace} }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
---
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: { name: run, namespace: ${namespace} }
spec:
  workspaces: [{ name: shared, persistentVolumeClaim: { claimName: shared } }]
  pipelineSpec:
    workspaces: [{ name: shared }]
    results: [{ name: counts, value: $(finally.last.results.counts) }]
    tasks:
      - name: first
        workspaces: [{ name: shared }]
        taskSpec: { workspaces: [{ name: shared }], steps: [{ image: alpine, script: "${says('first')}" }] }
      - name: many
        runAfter: [first]
        workspaces: [{ name: shared }]
        matrix: { params: [{ name: which, value: [one, two] }] }
        taskSpec:
          params: [{ name: which }]
          workspaces: [{ name: shared }]
          steps: [{ image: alpine, script: "${says('$(params.which)')}" }]
      - name: again
        runAfter: [many]
        retries: 3
        workspaces: [{ name: shared }]
        taskSpec:
          workspaces: [{ name: shared }]
          steps: [{ image: alpine, script: "test $(context.task.retry-count) -gt 0; ${says('again')}" }]
      - name: nested
        runAfter: [again]
        workspaces: [{ name: shared }]
        pipelineSpec:
          workspaces: [{ name: shared }]
          tasks:
            - name: inner
              workspaces: [{ name: shared }]
              taskSpec: { workspaces: [{ name: shared }], steps: [{ image: alpine, script: "${says('inner')}" }] }
      - name: custom
        runAfter: [first]
        taskRef: { apiVersion: example.dev/v1, kind: Wait, name: w }
    finally:
      - name: last
        workspaces: [{ name: shared }]
        taskSpec:
          workspaces: [{ name: shared }]
          results: [{ name: counts }]
          steps:
            - image: alpine
              script: |
                sleep 0.3
                sort $(workspaces.shared.path)/ended | uniq -c |
                  awk '{ printf "%s\\"%s\\": %s", (NR > 1 ? ", " : "{ "), $2, $1 } END { print " }" }' > $(results.counts.path)
`;
