import type { TriggerEvent } from './trigger-event.ts';

/** A push to the main branch that changed nothing, for tests to vary. */
export const somePush: TriggerEvent = {
  ref: { ref: 'refs/heads/main', commit: 'c'.repeat(40), kind: 'branch', short: 'main' },
  kind: 'push',
  project: 'demo',
  repository: 'app',
  repositoryUrl: 'http://h/app.git',
  cloneUrl: 'http://h/app.git',
  defaultBranch: 'main',
  message: 'm',
  author: { name: 'Ada', email: 'a@x' },
  files: { all: [], added: [], deleted: [], modified: [], renamed: [] },
};
