import { kinds, type PipelineRun, parseYaml, rerunOfAnnotation, type TaskRun } from '@tagboat/api';
import { takenFromAnnotation } from '@tagboat/pipelines';
import { describe, expect, it } from 'vitest';
import { testEngine } from './test-engine.ts';
import { playVector } from './vectors.ts';

// What the engine does that Tekton does not.

const tested = testEngine();

const vector = { description: '', expect: { status: 'True', reason: '' } };

async function play(namespace: string, text: string, annotations = {}): Promise<PipelineRun> {
  const objects = parseYaml(text, 'test.yaml').map(({ value }) => {
    const object = value as PipelineRun;
    return { ...object, metadata: { ...object.metadata, annotations } };
  });
  return (await playVector(tested.engine, { vector, objects, namespace })) as PipelineRun;
}

const child = async (run: PipelineRun, task: string): Promise<TaskRun> =>
  (await tested.engine.store.get<TaskRun>({
    type: kinds.TaskRun,
    namespace: run.metadata.namespace ?? '',
    name: run.status!.childReferences!.find(({ pipelineTaskName }) => pipelineTaskName === task)!.name,
  }))!;

const volume = `{ apiVersion: v1, kind: PersistentVolumeClaim, metadata: { name: data }, spec: {} }
---
`;
const flaky = (name: string) => `apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: { name: ${name} }
spec:
  workspaces: [{ name: data, persistentVolumeClaim: { claimName: data } }]
  pipelineSpec:
    workspaces: [{ name: data }]
    tasks:
      - name: big
        taskSpec:
          results: [{ name: text }]
          steps:
            - image: alpine
              script: head -c 1500000 /dev/zero | tr '\\0' x > $(results.text.path)
      - name: flaky
        workspaces: [{ name: data }]
        params: [{ name: text, value: $(tasks.big.results.text) }]
        taskSpec:
          workspaces: [{ name: data }]
          params: [{ name: text }]
          results: [{ name: size }]
          steps:
            - image: alpine
              script: |
                cat > /tmp/text <<'EOF'
                $(params.text)
                EOF
                wc -c < /tmp/text | tr -d ' \\n' > $(results.size.path)
                test -f $(workspaces.data.path)/again || { touch $(workspaces.data.path)/again; exit 3; }
`;

describe('beyond Tekton', () => {
  it('runs only what failed again, with the large results of the first time', async () => {
    const first = await play('rerun', volume + flaky('first'));
    expect(first.status?.conditions?.[0]).toMatchObject({ status: 'False', reason: 'Failed' });
    const big = await child(first, 'big');
    expect(big.status?.results?.[0]?.value).toMatch(/^tagboat-result:\/\/sha256:/);
    expect(big.status?.annotations?.['tagboat.dev/warnings']).toContain('text has 1500000 bytes');
    const again = await play('rerun', flaky('again'), { [rerunOfAnnotation]: 'first' });
    expect(again.status?.conditions?.[0]).toMatchObject({ status: 'True' });
    expect((await child(again, 'big')).status?.annotations?.[takenFromAnnotation]).toBe('first-big');
    expect((await child(again, 'flaky')).status?.results?.[0]?.value).toBe('1500001');
    expect(first.status?.timing?.criticalPath).toEqual(['big', 'flaky']);
  });

  it('reuses a task that declares it, until its inputs change', async () => {
    const run = (name: string, word: string) => `apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: { name: ${name} }
spec:
  workspaces: [{ name: data, persistentVolumeClaim: { claimName: data } }]
  pipelineSpec:
    workspaces: [{ name: data }]
    tasks:
      - name: write
        workspaces: [{ name: data }]
        taskSpec:
          workspaces: [{ name: data }]
          steps: [{ image: alpine, script: "rm -rf $(workspaces.data.path)/out; echo ${word} > $(workspaces.data.path)/in" }]
      - name: work
        runAfter: [write]
        workspaces: [{ name: data }]
        taskSpec:
          metadata:
            annotations:
              tagboat.dev/reuse: always
              tagboat.dev/reuse-inputs: $(workspaces.data.path)/in
              tagboat.dev/reuse-outputs: $(workspaces.data.path)/out
          workspaces: [{ name: data }]
          results: [{ name: made }]
          steps: [{ image: alpine, script: "cat $(workspaces.data.path)/in | tee $(workspaces.data.path)/out > $(results.made.path)" }]
      - name: check
        runAfter: [work]
        workspaces: [{ name: data }]
        taskSpec:
          workspaces: [{ name: data }]
          steps: [{ image: alpine, script: "grep ${word} $(workspaces.data.path)/out" }]
`;
    const reused = async (name: string, word: string, claim = '') => {
      const done = await play('reuse', claim + run(name, word));
      expect(done.status?.conditions?.[0]).toMatchObject({ status: 'True' });
      const { annotations, results } = (await child(done, 'work')).status ?? {};
      expect(results?.[0]?.value).toBe(`${word}\n`);
      return annotations?.['tagboat.dev/reused'] !== undefined;
    };
    expect(await reused('one', 'apples', volume)).toBe(false);
    expect(await reused('two', 'apples')).toBe(true);
    expect(await reused('three', 'pears')).toBe(false);
  });

  it('ends a pipeline that fetches itself', async () => {
    const run = await play(
      'itself',
      `{ apiVersion: tekton.dev/v1, kind: Pipeline, metadata: { name: p }, spec: { tasks: [{ name: a, pipelineRef: { resolver: cluster, params: [{ name: name, value: p }, { name: kind, value: pipeline }, { name: namespace, value: itself }] } }] } }
---
{ apiVersion: tekton.dev/v1, kind: PipelineRun, metadata: { name: r }, spec: { pipelineRef: { name: p } } }
`,
    );
    expect(run.status?.conditions?.[0]).toMatchObject({ status: 'False', reason: 'Failed' });
  });
});
