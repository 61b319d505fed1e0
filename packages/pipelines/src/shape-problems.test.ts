import { type KubernetesObject, parseYaml } from '@tagboat/api';
import { expect, test } from 'vitest';
import { problemError, validateTekton } from './validate.ts';

/** `^` stands where the problem is. */
test.each([
  ['{ steps: ^{ image: a } }', 'expected a list, found a mapping: spec.steps'],
  ['{ steps: [{ image: ^5 }] }', 'expected a text, found 5: put it in quotes: spec.steps[0].image'],
  ['{ steps: [{ image: a, args: ^sh }] }', 'expected a list, found "sh": spec.steps[0].args'],
  ['{ Steps: [^x] }', 'expected a mapping, found "x": spec.Steps[0]'],
])('a task with the spec %s', (marked, message) => {
  const line = `spec: ${marked}`;
  const text = `apiVersion: tekton.dev/v1\nkind: Task\nmetadata: { name: t }\n${line.replace('^', '')}`;
  const [document] = parseYaml(text, 'f.yaml');
  const object = document!.value as KubernetesObject;
  const error = problemError(object, validateTekton(object)[0]!, document);
  expect(error.message).toBe(`Task t: ${message}`);
  expect(error.location).toMatchObject({ line: 4, column: line.indexOf('^') + 1 });
});

test('the limits of a run’s parts are times, not lists', () => {
  const spec = { pipelineRef: { name: 'p' }, timeouts: { pipeline: '1h', tasks: '30m', finally: '30m' } };
  const run = { apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', metadata: { name: 'r' }, spec };
  expect(validateTekton(run as KubernetesObject)).toEqual([]);
});
