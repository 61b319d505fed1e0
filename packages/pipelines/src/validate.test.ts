import { type KubernetesObject, parseYaml } from '@tagboat/api';
import { expect, test } from 'vitest';
import { problemError, validateTekton } from './validate.ts';

/** What is said of a text, each with its place. */
function said(text: string): string[] {
  return parseYaml(text, 'f.yaml').flatMap((document) => {
    const object = document.value as KubernetesObject;
    return validateTekton(object).map((problem) => {
      const error = problemError(object, problem, document);
      return `${error.location?.line}:${error.location?.column} ${error.message}`;
    });
  });
}

const pipeline = (tasks: string) => `apiVersion: tekton.dev/v1
kind: Pipeline
metadata: { name: p }
spec:
  tasks:
${tasks}`;
const noop = 'taskSpec: { steps: [{ image: alpine, script: "true" }] }';

test('what is right is not refused', () => {
  expect(said(pipeline(`    - { name: a, ${noop} }\n    - { name: b, runAfter: [a], ${noop} }`))).toEqual([]);
});

test.each([
  [
    'a circle',
    `    - { name: a, runAfter: [b], ${noop} }\n    - { name: b, runAfter: [a], ${noop} }`,
    'cycle detected',
  ],
  ['a name twice', `    - { name: a, ${noop} }\n    - { name: a, ${noop} }`, 'expected exactly one'],
  ['a task that is not there', `    - { name: a, runAfter: [zz], ${noop} }`, 'zz'],
  ['no task at all', '    - { name: a }', 'taskRef'],
  [
    'a variable that is not there',
    `    - { name: a, params: [{ name: x, value: $(params.no) }], ${noop} }`,
    'non-existent variable',
  ],
  ['a bad name', `    - { name: "A b", ${noop} }`, 'A b'],
  [
    'an unknown operator',
    `    - { name: a, when: [{ input: x, operator: like, values: [a] }], ${noop} }`,
    'operator',
  ],
  ['negative retries', `    - { name: a, timeout: -1s, ${noop} }`, '-1s'],
])('%s is refused where it stands', (_, tasks, expected) => {
  const found = said(pipeline(tasks));
  expect(found[0]).toContain(expected);
  expect(found[0]).toMatch(/^[5-7]:\d+ Pipeline p: /);
});

test.each([
  ['steps: []', 'steps'],
  ['steps: [{ name: a, image: alpine }, { name: a, image: alpine }]', 'a'],
  ['steps: [{ image: alpine, script: "x", command: [z] }]', 'script'],
  ['steps: [{ name: a, image: alpine, onError: maybe }]', 'onError'],
  ['steps: [{ image: alpine, script: "$(params.no)" }]', 'non-existent variable'],
  ['{ workspaces: [{ name: w }, { name: w }], steps: [{ image: alpine }] }', 'workspaces'],
])('a task with %s is refused', (spec, expected) => {
  const [first] = said(`apiVersion: tekton.dev/v1\nkind: Task\nmetadata: { name: t }\nspec:\n  ${spec}`);
  expect(first).toContain(expected);
});

const object = (kind: string, spec: string, apiVersion = 'tekton.dev/v1') =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: x }\nspec: ${spec}`;
const action = (spec: string) => object('StepAction', spec, 'tekton.dev/v1beta1');
const ref = 'pipelineRef: { name: p }';
const matrix = (value: string) =>
  object(
    'Pipeline',
    `{ tasks: [{ name: a, taskRef: { name: t }, matrix: { params: [{ name: i, value: [${value}] }] } }] }`,
  );

/** Cases of Tekton's own validation tests, told as theirs. */
test.each([
  [
    object('PipelineRun', `{ ${ref}, workspaces: [{ name: w, emptyDir: {} }, { name: w, emptyDir: {} }] }`),
    'workspace "w" provided by pipelinerun more than once, at index 0 and 1',
  ],
  [
    object(
      'Task',
      '{ steps: [{ image: a, volumeMounts: [{ name: v, mountPath: /tekton/home/../results }] }] }',
    ),
    'volumeMount cannot be mounted under /tekton/',
  ],
  [
    object(
      'Task',
      '{ workspaces: [{ name: w }], steps: [{ image: a, volumeMounts: [{ name: v, mountPath: /workspace/w/ }] }] }',
    ),
    'workspace mount path "/workspace/w" must be unique',
  ],
  [
    object('Task', '{ steps: [{ image: a, envFrom: [{ prefix: $(steps.b.results.r) }] }] }'),
    'stepResult substitutions are only allowed in env, command and args',
  ],
  [
    object('Task', '{ steps: [{ image: $(steps.b.outputs.o) }] }'),
    'stepArtifact substitutions are only allowed in env, command, args and script',
  ],
  [object('Task', '{ steps: [{ image: a, script: "x $(step.results.no.path)" }] }'), 'non-existent variable'],
  [matrix('$(wrong)'), 'invalid variable reference "$(wrong)"'],
  [
    object(
      'Pipeline',
      '{ tasks: [{ name: a, taskRef: { name: t }, params: [{ name: x, value: $(context.pipelineRun.missing) }] }] }',
    ),
    'non-existent variable in "$(context.pipelineRun.missing)"',
  ],
  [
    object('Pipeline', '{ tasks: [{ name: a, taskSpec: { kind: Task, steps: [{ image: a }] } }] }'),
    'taskSpec.kind cannot be specified when using taskSpec.steps',
  ],
  [
    object('Pipeline', '{ tasks: [{ name: a, taskRef: { apiVersion: example.com/v1 } }] }'),
    'custom task ref must specify kind',
  ],
  [
    object(
      'PipelineRun',
      `{ ${ref}, taskRunSpecs: [{ pipelineTaskName: a, timeout: 2h }], timeouts: { pipeline: 1h } }`,
    ),
    '2h0m0s should be <= pipeline duration 1h0m0s',
  ],
  [
    object('PipelineRun', `{ ${ref}, taskRunSpecs: [{ pipelineTaskName: a, stepSpecs: [{}] }] }`),
    'missing field(s): spec.taskRunSpecs[0].stepSpecs[0].name',
  ],
  [
    object('TaskRun', '{ taskRef: { name: t }, params: [{ name: A, value: x }, { name: a, value: x }] }'),
    'expected exactly one, got both',
  ],
  [
    object('TaskRun', '{ taskRef: { name: t }, debug: { breakpoints: { onFailure: turnOn } } }'),
    'turnOn is not a valid onFailure breakpoint value',
  ],
  [
    object('TaskRun', '{ taskRef: { name: t }, debug: { breakpoints: { beforeSteps: [a] } } }'),
    'onFailure breakpoint is empty, it is only allowed to be set as enabled',
  ],
  [
    object(
      'TaskRun',
      '{ taskRef: { name: t }, debug: { breakpoints: { onFailure: enabled, beforeSteps: [a, a] } } }',
    ),
    'before step must be unique, the same step: a is defined multiple times at',
  ],
  [
    action('{ image: a, script: echo $(params.p), params: [{ name: p }] }'),
    'param substitution in scripts is not allowed.',
  ],
  [action('{ image: a, args: [$(params.no)] }'), 'non-existent variable'],
  [
    action('{ image: a, params: [{ name: l, type: array }], args: ["x $(params.l[*])"] }'),
    'variable is not properly isolated',
  ],
  [
    action('{ image: a, volumeMounts: [{ name: v, mountPath: /v }] }'),
    'expect the Name to be a single param reference',
  ],
  [
    object('Task', '{ steps: [{ image: a }] }').replace('name: x', `name: ${'x'.repeat(64)}`),
    'length must be no more than 63 characters',
  ],
])('%s', (text, expected) => {
  expect(said(text).join('\n')).toContain(expected);
});
