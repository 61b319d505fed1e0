import { readModelFile } from '@tagboat/render';
import { expect, it } from 'vitest';
import { type RunSettings, runsForModels } from './plan-runs.ts';
import type { TriggerEvent } from './trigger-event.ts';

const model = (name: string) => `apiVersion: tagboat.dev/v1alpha1
kind: Model
metadata: { name: ${name} }
spec: { train: { script: fit.py }, artifact: { path: m.joblib }, deploy: [{ environment: staging }] }
`;

it('names the runs of a repository with several models after each model once', () => {
  const settings = {
    registry: 'r',
    tags: [],
    deploymentUrl: () => 'http://x/d.git',
  } as unknown as RunSettings;
  const event = {
    ...{ project: 'p', repository: 'two', repositoryUrl: 'http://x/two.git', cloneUrl: 'http://x/two.git' },
    ...{
      defaultBranch: 'main',
      author: { name: 'A', email: 'a@b' },
      ref: { kind: 'tag', short: 'spam@v1', ref: 'refs/tags/spam@v1', commit: 'c' },
    },
  } as unknown as TriggerEvent;
  const models = readModelFile(`${model('spam')}---\n${model('tone')}`);
  const { runs } = runsForModels(settings, event, { models, sequence: 1 });
  expect(runs.map(({ metadata }) => metadata.name)).toEqual([expect.stringMatching(/^spam-v1-[0-9a-f]+$/)]);
});
