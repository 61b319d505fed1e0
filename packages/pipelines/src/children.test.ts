import { expect, test } from 'vitest';
import { childrenOf } from './children.ts';
import { builtInDefaults } from './config-defaults.ts';
import { run, task } from './testing.ts';

test('variables and volumes of a pod template for one task come before those for all, by name', () => {
  const observed = run({
    taskRunTemplate: {
      podTemplate: {
        env: [
          { name: 'A', value: 'all' },
          { name: 'B', value: 'all' },
        ],
        volumes: [{ name: 'cache', emptyDir: {} }],
      },
    },
    taskRunSpecs: [
      {
        pipelineTaskName: 'one',
        podTemplate: { env: [{ name: 'B', value: 'one' }], volumes: [{ name: 'more', emptyDir: {} }] },
      },
    ],
  });
  const [child] = childrenOf({
    run: observed,
    task: task('one'),
    final: false,
    defaults: builtInDefaults,
  });
  const { podTemplate } = child!.spec as {
    podTemplate: { env: { value: string }[]; volumes: { name: string }[] };
  };
  expect(podTemplate.env.map(({ value }) => value)).toEqual(['all', 'one']);
  expect(podTemplate.volumes.map(({ name }) => name)).toEqual(['cache', 'more']);
});

test('a run of a pipeline in a pipeline is labelled with its own', () => {
  const observed = { ...run(), metadata: { ...run().metadata, labels: { 'tekton.dev/pipeline': 'outer' } } };
  const labelOf = (more: object) =>
    childrenOf({
      run: observed,
      task: { name: 'in', ...more },
      final: false,
      defaults: builtInDefaults,
    })[0]!.metadata.labels?.['tekton.dev/pipeline'];
  expect(labelOf({ pipelineRef: { name: 'inner' } })).toBe('inner');
  expect(labelOf({ pipelineSpec: { tasks: [] } })).toBe('r-in');
  expect(labelOf({ pipelineRef: { resolver: 'cluster' } })).toBeUndefined();
});
