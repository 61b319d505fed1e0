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
    `    - { name: a, when: [{ input: x, operator: like, values: [y] }], ${noop} }`,
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
  ['steps: [{ image: alpine, script: "x", command: [y] }]', 'script'],
  ['steps: [{ name: a, image: alpine, onError: maybe }]', 'onError'],
  ['steps: [{ image: alpine, script: "$(params.no)" }]', 'non-existent variable'],
  ['{ workspaces: [{ name: w }, { name: w }], steps: [{ image: alpine }] }', 'workspaces'],
])('a task with %s is refused', (spec, expected) => {
  const [first] = said(`apiVersion: tekton.dev/v1\nkind: Task\nmetadata: { name: t }\nspec:\n  ${spec}`);
  expect(first).toContain(expected);
});
