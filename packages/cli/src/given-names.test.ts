import type { KubernetesObject, TaskRun } from '@tagboat/api';
import { expect, it } from 'vitest';
import { checkGivenNames } from './given-names.ts';

const run = (spec: object): TaskRun =>
  ({ apiVersion: 'tekton.dev/v1', kind: 'TaskRun', metadata: { name: 'r' }, spec }) as TaskRun;
const task = {
  apiVersion: 'tekton.dev/v1',
  kind: 'Task',
  metadata: { name: 't' },
  spec: { params: [{ name: 'who' }], workspaces: [{ name: 'src' }], steps: [] },
} as KubernetesObject;
const files = { objects: [task], runs: [run({ taskRef: { name: 't' } })] };

it('takes what is declared', () => {
  checkGivenNames(files, { params: ['who'], workspaces: ['src'] });
});

it('refuses what is not, and names what there is', () => {
  expect(() => checkGivenNames(files, { params: ['whom'], workspaces: [] })).toThrowError(
    expect.objectContaining({ message: 'there is no param "whom"', hint: 'there are who' }),
  );
  expect(() => checkGivenNames(files, { params: [], workspaces: ['source'] })).toThrowError(
    expect.objectContaining({ message: 'there is no workspace "source"', hint: 'there are src' }),
  );
});

it('takes what is used without being declared, as values are handed down into specs', () => {
  const spec = { taskSpec: { steps: [{ script: 'echo $(params["loud"]) $(params.low)' }] } };
  checkGivenNames({ objects: [], runs: [run(spec)] }, { params: ['loud', 'low'], workspaces: [] });
});

it('does not judge what comes from elsewhere', () => {
  const elsewhere = run({ taskRef: { resolver: 'git' } });
  checkGivenNames({ objects: [], runs: [elsewhere] }, { params: ['any'], workspaces: ['any'] });
});
