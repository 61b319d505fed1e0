import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds, type PipelineRun, parseYaml, type TaskRun } from '@tagboat/api';
import { PlatformProcess, until } from '@tagboat/dev-env';
import { runCommand } from '@tagboat/process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Tekton's own command: `TKN`, else `tkn` on the PATH. */
const program = process.env.TKN ?? 'tkn';
const found = await runCommand(program, ['version', '--component', 'client']).catch(() => undefined);
const why = found?.code === 0 ? undefined : `there is no ${program} on this machine`;

describe.skipIf(why !== undefined)(`Tekton's own command${why ? ` (skipped: ${why})` : ''}`, () => {
  let directory: string;
  let platform: PlatformProcess;
  let environment: NodeJS.ProcessEnv;

  async function tkn(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runCommand(program, args, { env: environment, timeout: 60_000 });
    expect(code, `tkn ${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
    return stdout.toString();
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-tkn-'));
    platform = await PlatformProcess.start({ environment: { TAGBOAT_TLS_PORT: '0' } });
    const { stdout } = await platform.cli(['kubeconfig']);
    await writeFile(join(directory, 'kubeconfig'), stdout);
    environment = { ...process.env, KUBECONFIG: join(directory, 'kubeconfig'), HOME: directory };
    const client = await platform.client();
    for (const { value } of parseYaml(objects, 'objects')) {
      const object = value as PipelineRun;
      await client.create(kinds[object.kind as 'Task' | 'Pipeline'], object);
    }
  }, 60_000);
  afterAll(async () => {
    await platform?.[Symbol.asyncDispose]();
    if (directory) await rm(directory, { recursive: true, force: true });
  });

  test('starts a pipeline, follows its logs, and tells what came of it', { timeout: 60_000 }, async () => {
    const started = await tkn('pipeline', 'start', 'greetings', '-p', 'who=me', '--showlog');
    expect(started).toContain('[first : one] hello me');
    expect(started).toContain('[second : one] hello me');
    expect(await tkn('pipelinerun', 'list')).toMatch(/^greetings-run-\w+ .* Succeeded/m);
    const described = await tkn('pipelinerun', 'describe', '--last');
    expect(described).toMatch(/ out +me/);
    expect(described).toMatch(/Skipped Tasks\s+NAME\s+never/);
    expect(described).toMatch(/greetings-run-\w+-second +second .* Succeeded/);
    const taskRun = await tkn('taskrun', 'describe', '--last');
    expect(taskRun).toMatch(/Steps\s+NAME +STATUS\s+one +Completed/);
    expect(await tkn('taskrun', 'logs', '--last')).toContain('[one] hello me');
    expect(await tkn('pipeline', 'describe', 'greetings')).toMatch(/greetings-run-\w+ .* Succeeded/);
    expect(await tkn('task', 'start', 'greet', '-p', 'who=you', '--showlog')).toContain('[one] hello you');
  });

  test('cancels a run, and shows why one failed', { timeout: 60_000 }, async () => {
    const client = await platform.client();
    const run = (name: string, script: string) =>
      client.create<PipelineRun>(kinds.PipelineRun, {
        apiVersion: 'tekton.dev/v1',
        kind: 'PipelineRun',
        metadata: { name, namespace: 'default' },
        spec: {
          pipelineSpec: { tasks: [{ name: 'a', taskSpec: { steps: [{ image: 'alpine', script }] } }] },
        },
      } as PipelineRun);
    await run('bad', 'echo oh; exit 3');
    const logs = await tkn('pipelinerun', 'logs', 'bad', '--follow');
    expect(logs).toContain('oh');
    const over = (name: string) =>
      until<PipelineRun>(
        client,
        { type: kinds.PipelineRun, namespace: 'default', what: `the end of ${name}` },
        ({ metadata, status }) => metadata.name === name && status?.completionTime !== undefined,
      );
    await over('bad');
    expect(await tkn('pipelinerun', 'describe', 'bad')).toContain(
      'Tasks Completed: 1 (Failed: 1, Cancelled 0), Skipped: 0',
    );
    await run('long', 'sleep 60');
    await until<TaskRun>(
      client,
      { type: kinds.TaskRun, namespace: 'default', what: 'a step that runs' },
      ({ metadata, status }) =>
        metadata.name === 'long-a' && Boolean(status?.steps?.some(({ running }) => running)),
    );
    await tkn('pipelinerun', 'cancel', 'long');
    await over('long');
    expect(await tkn('pipelinerun', 'describe', 'long')).toMatch(/Cancelled/);
    await tkn('pipelinerun', 'delete', 'long', '--force');
    expect(await tkn('pipelinerun', 'list')).not.toContain('long');
  });
});

const objects = `apiVersion: tekton.dev/v1
kind: Task
metadata: { name: greet, namespace: default }
spec:
  params: [{ name: who, type: string, default: world }]
  results: [{ name: said }]
  steps:
    - name: one
      image: alpine
      script: |
        echo "hello $(params.who)"
        printf "$(params.who)" > $(results.said.path)
---
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: { name: greetings, namespace: default }
spec:
  params: [{ name: who, type: string }]
  tasks:
    - { name: first, taskRef: { name: greet }, params: [{ name: who, value: $(params.who) }] }
    - name: second
      taskRef: { name: greet }
      params: [{ name: who, value: $(tasks.first.results.said) }]
    - name: never
      when: [{ input: a, operator: in, values: [b] }]
      taskRef: { name: greet }
  results: [{ name: out, value: $(tasks.second.results.said) }]
`;
