import type { ConfigMap, KubernetesObject } from '@tagboat/api';
import { silentLogger } from '@tagboat/base';
import { ObjectStore } from '@tagboat/store';
import { expect, test } from 'vitest';
import { provenanceOf } from './config-defaults.ts';
import { Settings } from './settings.ts';
import { tektonDenial } from './validate.ts';

const flags = (data: Record<string, string>): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'feature-flags', namespace: 'tekton-pipelines' },
  data,
});
const object = (kind: string, spec: object): KubernetesObject => ({
  apiVersion: 'tekton.dev/v1',
  kind,
  metadata: { name: 'x', namespace: 'n' },
  spec,
});

async function settingsWith(data: Record<string, string>): Promise<Settings> {
  await using store = new ObjectStore({});
  await store.create(flags(data));
  const settings = new Settings({ reader: store, log: silentLogger });
  await settings.defaults();
  return settings;
}

const step = { image: 'a' };
const inline = { steps: [step] };
const gated: [Record<string, string>, KubernetesObject, string][] = [
  [
    { 'enable-api-fields': 'beta' },
    object('Task', { steps: [{ ...step, stdoutConfig: { path: '/x' } }] }),
    'step stdout stream support requires "enable-api-fields" feature gate to be "alpha" but it is "beta": spec.steps[0].stdoutConfig',
  ],
  [
    { 'enable-api-fields': 'beta' },
    object('Pipeline', { tasks: [{ name: 'a', pipelineRef: { name: 'p' } }] }),
    'pipelineRef requires "enable-api-fields" feature gate to be "alpha"',
  ],
  [
    { 'enable-api-fields': 'stable' },
    object('Pipeline', { tasks: [{ name: 'a', onError: 'continue', taskRef: { name: 't' } }] }),
    'OnError requires "enable-api-fields" feature gate to be "alpha" or "beta"',
  ],
  [
    { 'enable-cel-in-whenexpression': 'false' },
    object('Pipeline', { tasks: [{ name: 'a', taskRef: { name: 't' }, when: [{ cel: 'true' }] }] }),
    'feature flag enable-cel-in-whenexpression should be set to true to use CEL: true in WhenExpression',
  ],
  [
    { 'enable-param-enum': 'false' },
    object('Task', { params: [{ name: 'p', enum: ['a'] }], ...inline }),
    'feature flag `enable-param-enum` should be set to true to use Enum',
  ],
  [
    { 'enable-artifacts': 'false' },
    object('Task', { steps: [{ ...step, script: 'x > $(artifacts.path)' }] }),
    'feature flag enable-artifacts should be set to true to use artifacts feature.',
  ],
  [
    { 'disable-inline-spec': 'pipeline,taskrun' },
    object('TaskRun', { taskSpec: inline }),
    'must not set the field(s): spec.taskSpec',
  ],
  [
    { 'disable-inline-spec': 'pipeline' },
    object('Pipeline', { tasks: [{ name: 'a', taskSpec: inline }] }),
    'must not set the field(s): spec.tasks[0].taskSpec',
  ],
];

test.each(gated)('with %j is refused what a cluster refuses', async (data, refused, message) => {
  expect(tektonDenial(refused)).toBeUndefined();
  expect(tektonDenial(refused, undefined, (await settingsWith(data)).current)).toContain(message);
});

test('what is said is recorded in provenance, the rest is on, and it can be turned off', async () => {
  const { current } = await settingsWith({
    'enable-api-fields': 'BETA',
    coschedule: 'disabled',
    _example: 'x',
  });
  expect(provenanceOf(current, { refSource: { uri: 'u' } })).toEqual({
    provenance: {
      featureFlags: expect.objectContaining({
        enableAPIFields: 'beta',
        coschedule: 'disabled',
        enableParamEnum: true,
      }),
      refSource: { uri: 'u' },
    },
  });
  expect(provenanceOf((await settingsWith({ 'enable-provenance-in-status': 'false' })).current)).toEqual({});
});

test.each([
  [{ 'enable-api-fields': 'gamma' }, 'invalid value for feature flag "enable-api-fields": "gamma"'],
  [{ 'await-sidecar-readiness': 'perhaps' }, 'failed parsing feature flags config "perhaps"'],
  [{ 'max-result-size': 'big' }, 'invalid value for feature flag "max-result-size": "big"'],
])('%j is denied, and flags that got in otherwise are left aside', async (data, message) => {
  expect(tektonDenial(flags(data as unknown as Record<string, string>))).toContain(message);
  expect((await settingsWith(data as unknown as Record<string, string>)).current.flags.fields).toBe('alpha');
});
