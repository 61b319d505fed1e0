import { type KubernetesObject, parseYaml } from '@tagboat/api';
import { expect, test } from 'vitest';
import { problemError, validateTekton } from './validate.ts';

/** `^` stands where the problem is. */
test.each([
  ['{ steps: ^{ image: a } }', 'expected a list, found a mapping: spec.steps'],
  ['{ steps: [{ image: ^5 }] }', 'expected a text, found 5: put it in quotes: spec.steps[0].image'],
  ['{ steps: [{ image: a, args: ^sh }] }', 'expected a list, found "sh": spec.steps[0].args'],
  ['{ Steps: [^x] }', 'expected a mapping, found "x": spec.Steps[0]'],
  ['{ steps: [{ image: a, ^scirpt: b }] }', 'unknown field "scirpt": spec.steps[0].scirpt'],
  ['{ steps: [{ image: a, ^resources: {} }] }', 'unknown field "resources": spec.steps[0].resources'],
  [
    '{ steps: [{ image: a, computeResources: { limits: { cpu: ^two } } }] }',
    'expected a quantity such as 500m or 1Gi, found "two": spec.steps[0].computeResources.limits.cpu',
  ],
  [
    '{ steps: [{ image: a, timeout: ^soon }] }',
    'expected a duration such as "90s", "10m" or "1h30m", found "soon": spec.steps[0].timeout',
  ],
])('a task with the spec %s', (marked, message) => {
  const line = `spec: ${marked}`;
  const text = `apiVersion: tekton.dev/v1\nkind: Task\nmetadata: { name: t }\n${line.replace('^', '')}`;
  const [document] = parseYaml(text, 'f.yaml');
  const object = document!.value as KubernetesObject;
  const error = problemError(object, validateTekton(object)[0]!, document);
  expect(error.message).toBe(`Task t: ${message}`);
  expect(error.location).toMatchObject({ line: 4, column: line.indexOf('^') + 1 });
});

test('each version of the API has its own fields', () => {
  const said = (version: string, fields: object) =>
    validateTekton({
      apiVersion: `tekton.dev/${version}`,
      kind: 'TaskRun',
      metadata: { name: 'r' },
      spec: { taskRef: { name: 't' }, ...fields },
    } as KubernetesObject).map(({ message, field }) => `${message}: ${field}`);
  expect(said('v1beta1', { stepOverrides: [{ name: 's', resources: {} }] })).toEqual([]);
  expect(said('v1', { stepOverrides: [] })).toEqual(['unknown field "stepOverrides": spec.stepOverrides']);
  expect(said('v1', { stepSpecs: [{ name: 's', computeResources: {} }] })).toEqual([]);
  expect(said('v1beta1', { resources: { inputs: [] } })).toEqual([
    'must not set the field(s): spec.resources',
  ]);
  expect(said('v1beta1', { taskRef: { name: 't', bundle: 'b' } })).toEqual([
    'must not set the field(s): spec.taskRef.bundle',
  ]);
});

test('the limits of a run’s parts are times, not lists', () => {
  const spec = { pipelineRef: { name: 'p' }, timeouts: { pipeline: '1h', tasks: '30m', finally: '30m' } };
  const run = { apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', metadata: { name: 'r' }, spec };
  expect(validateTekton(run as KubernetesObject)).toEqual([]);
});
