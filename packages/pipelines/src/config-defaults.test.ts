import type { PipelineRun, TaskRun } from '@tagboat/api';
import { silentLogger } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { expect, test } from 'vitest';
import {
  builtInDefaults,
  defaultedPipelineRun,
  defaultedTaskRun,
  parseDefaults,
  resourcesFor,
  withDefaultWorkspaces,
} from './config-defaults.ts';
import { Settings } from './settings.ts';
import { podForTaskRun } from './task-pod.ts';
import { tektonDenial } from './validate.ts';

const taskRun = (spec: TaskRun['spec'] = {}): TaskRun => ({
  apiVersion: 'tekton.dev/v1',
  kind: 'TaskRun',
  metadata: { name: 't', namespace: 'n', uid: 'u' },
  spec,
});
const configMap = (data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'config-defaults', namespace: 'tekton-pipelines' },
  data,
});

test('what runs do not say comes from the settings, and what they say stays', () => {
  const defaults = parseDefaults({
    _example: 'default-timeout-minutes: "1"',
    'default-timeout-minutes': '5',
    'default-service-account': 'builder',
    'default-resolver-type': 'git',
    'default-pod-template':
      'nodeSelector: { disk: ssd }\nenv: [{ name: A, value: general }, { name: B, value: general }]',
  });
  expect(defaultedTaskRun(taskRun({ taskRef: {} }), defaults).spec).toMatchObject({
    timeout: '300000ms',
    serviceAccountName: 'builder',
    taskRef: { resolver: 'git' },
    podTemplate: { nodeSelector: { disk: 'ssd' } },
  });
  const said = {
    timeout: '1m',
    serviceAccountName: 'own',
    taskRef: { name: 'x' },
    podTemplate: { nodeSelector: {}, env: [{ name: 'B', value: 'own' }] },
  };
  expect(defaultedTaskRun(taskRun(said), defaults).spec).toEqual({
    ...said,
    podTemplate: {
      nodeSelector: {},
      env: [
        { name: 'A', value: 'general' },
        { name: 'B', value: 'own' },
      ],
    },
  });
  const run = { metadata: { name: 'p' }, spec: { pipelineRef: { name: 'x' } } } as PipelineRun;
  expect(defaultedPipelineRun(run, defaults).spec).toMatchObject({
    timeouts: { pipeline: '300000ms' },
    taskRunTemplate: { serviceAccountName: 'builder' },
  });
  expect(defaultedTaskRun(run as TaskRun, builtInDefaults)).toBe(run);
});

test('a workspace that nobody binds gets the default binding, an optional one does not', () => {
  const defaults = parseDefaults({ 'default-task-run-workspace-binding': 'emptyDir: {}' });
  const task = { steps: [], workspaces: [{ name: 'a' }, { name: 'b', optional: true }, { name: 'c' }] };
  const given = { name: 'c', configMap: { name: 'files' } };
  expect(withDefaultWorkspaces(taskRun({ workspaces: [given] }), task, defaults).spec?.workspaces).toEqual([
    given,
    { name: 'a', emptyDir: {} },
  ]);
});

test('resources go to containers that have none: by name, by beginning, in general', () => {
  const of = (cpu: string) => ({ requests: { cpu } });
  const defaults = parseDefaults({
    'default-container-resource-requirements':
      'step-build: { requests: { cpu: "2" } }\nprefix-sidecar: { requests: { cpu: "3" } }\ndefault: { requests: { cpu: "1" } }',
  });
  expect(resourcesFor({ name: 'step-build' }, defaults).resources).toEqual(of('2'));
  expect(resourcesFor({ name: 'sidecar-db' }, defaults).resources).toEqual(of('3'));
  expect(resourcesFor({ name: 'step-other' }, defaults).resources).toEqual(of('1'));
  expect(resourcesFor({ name: 'step-build', resources: of('7') }, defaults).resources).toEqual(of('7'));
});

test('pods carry the platform’s label and none of the forbidden variables', () => {
  const defaults = parseDefaults({
    'default-managed-by-label-value': 'team',
    'default-forbidden-env': 'TEKTON_POWER_MODE, TOKEN',
    'default-imagepullbackoff-timeout': '1m',
  });
  const env = [
    { name: 'TOKEN', value: 'x' },
    { name: 'FINE', value: 'y' },
  ];
  const pod = podForTaskRun({
    taskRun: taskRun({ podTemplate: { env } as never }),
    spec: { steps: [{ name: 's', image: 'alpine', script: 'true' }] },
    attempt: 0,
    credentials: [],
    defaults,
  });
  expect(pod.metadata.labels?.['app.kubernetes.io/managed-by']).toBe('team');
  expect(pod.spec?.containers[0]?.env).toEqual([{ name: 'FINE', value: 'y' }]);
  expect(pod.metadata.annotations?.['tagboat.dev/steps'] ?? JSON.stringify(pod)).toContain('60000');
});

test('settings that cannot be read are refused, and where they are there all the same, not used', async () => {
  const wrong = configMap({ 'default-timeout-minutes': 'soon' });
  expect(tektonDenial(wrong)).toContain('failed parsing default config "default-timeout-minutes"');
  expect(tektonDenial(configMap({ 'default-timeout-minutes': '7' }))).toBeUndefined();
  const store = new ObjectStore();
  const settings = new Settings({ reader: store, log: silentLogger });
  expect(await settings.defaults()).toEqual(builtInDefaults);
  const stored = await store.create(configMap({ 'default-timeout-minutes': '7' }) as never);
  const key = { type: store.types.of(stored), namespace: 'tekton-pipelines', name: 'config-defaults' };
  await settings.reconcile(key);
  expect((await settings.defaults()).timeout).toBe(420_000);
  await store.update({ ...(stored as object), data: wrong.data } as never);
  await settings.reconcile(key);
  expect((await settings.defaults()).timeout).toBe(420_000);
});

test('the limit of matrix combinations is the settings’', () => {
  const value = Array.from({ length: 300 }, (_, index) => `v${index}`);
  const pipeline = {
    apiVersion: 'tekton.dev/v1',
    kind: 'Pipeline',
    metadata: { name: 'p' },
    spec: {
      tasks: [
        {
          name: 'a',
          matrix: { params: [{ name: 'x', value }] },
          taskSpec: { params: [{ name: 'x' }], steps: [{ image: 'alpine', script: 'true' }] },
        },
      ],
    },
  };
  expect(tektonDenial(pipeline as never)).toContain('expected 0 <= 300 <= 256');
  expect(tektonDenial(pipeline as never, undefined, { mostCombinations: 300 })).toBeUndefined();
});
