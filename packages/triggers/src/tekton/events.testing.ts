import type { TriggerEvent } from '../trigger-event.ts';

export const commit = 'c'.repeat(40);
export const files = (...all: string[]) => ({ all, added: all, deleted: [], modified: [], renamed: [] });
export const push = (ref: string, more: Partial<TriggerEvent> = {}): TriggerEvent => ({
  ref: {
    ref,
    commit,
    kind: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    short: ref.replace(/^refs\/(heads|tags)\//, ''),
  },
  kind: 'push',
  project: 'demo',
  repository: 'App',
  repositoryUrl: 'http://h/git/demo/app.git',
  cloneUrl: 'http://h/git/demo/app.git',
  defaultBranch: 'main',
  message: 'a change\n\nbody',
  author: { name: 'Ada', email: 'ada@x' },
  files: files('README.md'),
  ...more,
});
export const pull = (
  more: Partial<TriggerEvent['pull'] & object> = {},
  event: Partial<TriggerEvent> = {},
): TriggerEvent => ({
  ...push('refs/heads/x'),
  ref: { ref: 'refs/pull/7/head', commit, kind: 'pull', short: 'pr-7' },
  kind: 'pull_request',
  pull: {
    number: 7,
    title: 'a title',
    description: '',
    targetBranch: 'main',
    sourceRef: 'refs/heads/feature/x',
    author: 'Bob',
    labels: ['bug'],
    isDraft: false,
    untrusted: false,
    sourceUrl: undefined,
    ...more,
  },
  ...event,
});
export const on = (annotations: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [`pipelinesascode.tekton.dev/${key}`, value]),
  );
