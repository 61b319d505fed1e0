import { expect, test } from 'vitest';
import { placeAt, suggestionsAt } from './complete.ts';
import { addTask, connect, disconnect, pipelineOf, removeTask, setResources } from './document.ts';
import { problemsOf } from './problems.ts';

const pipeline = `# Keeps its comments.
apiVersion: tekton.dev/v1
kind: Pipeline
metadata:
  name: build
spec:
  workspaces:
    - name: source
  tasks:
    - name: clone # first
      taskRef:
        name: git-clone
    - name: test
      runAfter: [clone]
      taskSpec:
        steps:
          - name: run
            image: bash
            script: echo
`;

const names = { tasks: ['git-clone', 'kaniko'] };
/** Suggestions where the text has a `|`. */
function suggested(marked: string): string[] {
  const at = marked.indexOf('|');
  return suggestionsAt(marked.replace('|', ''), at, names).map(({ label }) => label);
}

test('a sound pipeline has no problems', () => {
  expect(problemsOf(pipeline)).toEqual([]);
});

test.each([
  [
    'a field that is misspelt',
    pipeline.replace('runAfter', 'runafter'),
    '"runafter" is not a field of "tasks"; did you mean "runAfter"?',
  ],
  [
    'a task that is waited for and is not there',
    pipeline.replace('[clone]', '[fetch]'),
    '"test" waits for "fetch", which is no task of this pipeline',
  ],
  [
    'two tasks of one name',
    pipeline.replace('name: test', 'name: clone'),
    'there are two tasks named "clone"',
  ],
  [
    'a circle',
    pipeline.replace('- name: clone # first', '- name: clone\n      runAfter: [test]'),
    '"clone" waits for itself, by way of others',
  ],
  ['a missing name', pipeline.replace('name: build', 'labels: {}'), undefined],
  [
    'a task without work',
    pipeline.replace('taskRef:\n        name: git-clone', 'retries: 1'),
    '"clone" needs taskRef or taskSpec',
  ],
  [
    'text where a number belongs',
    pipeline.replace('runAfter: [clone]', 'retries: many'),
    'expected a number for "retries", found "many"',
  ],
])('says what is wrong: %s', (_name, text, message) => {
  const problems = problemsOf(text);
  if (message === undefined) expect(problems).toEqual([]);
  else expect(problems.map((problem) => problem.message)).toContain(message);
});

test('a problem stands where it is', () => {
  const text = pipeline.replace('runAfter', 'runafter');
  const [problem] = problemsOf(text);
  expect(text.slice(problem!.from, problem!.to)).toBe('runafter');
});

test('a syntax error is a problem at its line', () => {
  const text = `${pipeline}    - name: [\n`;
  const [problem] = problemsOf(text);
  expect(text.slice(0, problem!.from).split('\n').length).toBeGreaterThanOrEqual(19);
});

test('changes keep comments', () => {
  const added = addTask(pipeline, 'kaniko');
  expect(added.name).toBe('kaniko');
  const text = connect(added.text, 'test', 'kaniko');
  expect(text).toContain('# Keeps its comments.');
  expect(text).toContain('# first');
  const { spec } = pipelineOf(text)!;
  expect(spec.tasks.at(-1)).toEqual({ name: 'kaniko', taskRef: { name: 'kaniko' }, runAfter: ['test'] });
  expect(pipelineOf(disconnect(text, 'test', 'kaniko'))!.spec.tasks.at(-1)).toEqual({
    name: 'kaniko',
    taskRef: { name: 'kaniko' },
  });
  expect(problemsOf(text)).toEqual([]);
});

test('a removed task is waited for no more', () => {
  const { spec } = pipelineOf(removeTask(pipeline, 'clone'))!;
  expect(spec.tasks.map(({ name, runAfter }) => [name, runAfter])).toEqual([['test', undefined]]);
});

test('a second task of one name gets another', () => {
  expect(addTask(addTask(pipeline, 'kaniko').text, 'kaniko').name).toBe('kaniko-2');
});

test('a step’s resources are set and taken away', () => {
  const set = setResources(pipeline, { task: 'test', step: 0 }, { cpu: '2', memory: '1Gi' });
  const step = pipelineOf(set)!.spec.tasks[1]!.taskSpec!.steps[0]!;
  expect(step.computeResources).toEqual({ requests: { cpu: '2', memory: '1Gi' } });
  expect(setResources(set, { task: 'test', step: 0 }, { cpu: '', memory: '' })).not.toContain(
    'computeResources',
  );
});

test('a pipeline inside a run, and the first of several documents', () => {
  const run = `kind: Task\n---\napiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: { generateName: x- }\nspec:\n  pipelineSpec:\n    tasks:\n      - name: a\n        taskRef: { name: t }\n`;
  expect(pipelineOf(addTask(run, 'b').text)!.spec.tasks.map(({ name }) => name)).toEqual(['a', 'b']);
});

test.each([
  ['apiVersion: tekton.dev/v1\nkind: Pipeline\nspec:\n  |', [], 'tasks'],
  ['kind: Pipeline\nspec:\n  tasks:\n    - name: a\n      |', [], 'runAfter'],
  ['kind: Pipeline\nspec:\n  tasks:\n    - |', [], 'taskRef'],
  [
    'kind: Pipeline\nspec:\n  tasks:\n  - name: a\n    taskSpec:\n      steps:\n      - name: x\n        |',
    [],
    'computeResources',
  ],
  ['kind: Pipeline\nspec:\n  tasks:\n    - name: a\n      taskRef:\n        name: |', [], 'kaniko'],
  ['kind: Pipeline\nspec:\n  tasks:\n    - name: a\n      onError: |', [], 'continue'],
  [
    'kind: Pipeline\nspec:\n  tasks:\n    - name: a\n      taskRef: { name: x }\n    - name: b\n      taskRef: { name: x }\n      runAfter:\n        - |',
    [],
    'a',
  ],
  ['kind: PipelineRun\nspec:\n  |', [], 'pipelineSpec'],
])('suggests what may stand there: %j', (marked, _none, label) => {
  expect(suggested(marked)).toContain(label);
});

test('knows the structure around a place by indentation', () => {
  const text =
    'spec:\n  tasks:\n    - name: a\n      taskSpec:\n        steps:\n          - name: s\n            ima';
  expect(placeAt(text, text.length)).toEqual({
    path: ['spec', 'tasks', 0, 'taskSpec', 'steps', 0],
    typed: 'ima',
  });
});

const model = `apiVersion: tagboat.dev/v1alpha1
kind: Model
metadata:
  name: prices
spec:
  artifact: { path: models/prices.joblib }
  evaluate:
    script: src/evaluate.py
    metrics: metrics.json
    gates:
      - metric: error
        max: 1
  deploy:
    - environment: staging
`;

test.each([
  [
    'a misspelt key',
    model.replace('artifact', 'artefact'),
    /"artefact" is not a field of "spec"; did you mean "artifact"/,
    'artefact',
  ],
  [
    'text where a number belongs',
    model.replace('max: 1', 'max: low'),
    /expected a number for "max", found "low"/,
    'low',
  ],
  [
    'what is needed',
    model.replace('    metrics: metrics.json\n', ''),
    /"evaluate" needs "metrics"/,
    'script',
  ],
  [
    'two ways at once',
    model.replace('script:', 'command: [a]\n    script:'),
    /expected exactly one of notebook, script, command/,
    'command',
  ],
  [
    'a path out of the repository',
    model.replace('models/', '../'),
    /expected a path inside the repository/,
    '../',
  ],
])('says what is wrong in a tagboat.yaml: %s', (_name, text, message, where) => {
  const [problem] = problemsOf(text);
  expect(problem?.message).toMatch(message);
  expect(text.slice(problem!.from).startsWith(where) || text.slice(problem!.from - 1).startsWith(where)).toBe(
    true,
  );
});

test('a sound tagboat.yaml has no problems, and is completed as it is checked', () => {
  expect(problemsOf(model)).toEqual([]);
  expect(suggested(model.replace('max: 1', '|'))).toEqual(
    expect.arrayContaining(['metric', 'min', 'max', 'direction', 'notWorseThanDeployedBy']),
  );
  expect(suggested(model.replace('- environment: staging', '- environment: staging\n      via: |'))).toEqual([
    'commit',
    'promotion',
  ]);
  expect(suggested(model.replace('  deploy:', '  tr|\n  deploy:'))).toContain('train');
});
