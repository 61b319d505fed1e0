import { expect, it } from 'vitest';
import { nextCommands } from './commands/init.ts';

const state = { branch: 'main', hasCommits: true, isCommitted: true, tags: [], prefixes: [''] };
const push = 'git tag v0.1.0 && git push tagboat main v0.1.0';

it.each([
  ['with all committed', {}, [push]],
  [
    'with a new tagboat.yaml',
    { isCommitted: false },
    ['git add tagboat.yaml && git commit -m "Tagboat"', push],
  ],
  [
    'without commits takes all files',
    { isCommitted: false, hasCommits: false },
    ['git add --all && git commit -m "Tagboat"', push],
  ],
  ['without a branch pushes the tag', { branch: undefined }, ['git tag v0.1.0 && git push tagboat v0.1.0']],
  [
    'with that tag names the next',
    { tags: ['v0.1.0', 'backup', 'v0.3.1'] },
    ['git tag v0.3.2 && git push tagboat main v0.3.2'],
  ],
  [
    'with two models names a tag of each',
    { prefixes: ['spam@', 'tone@'], tags: ['tone@v1.0.0'] },
    [
      'git tag spam@v0.1.0 && git push tagboat main spam@v0.1.0',
      'git tag tone@v1.0.1 && git push tagboat tone@v1.0.1',
    ],
  ],
])('a repository %s', (_, given, commands) => {
  expect(nextCommands({ ...state, ...given }, 'tagboat')).toEqual([...commands, 'tagboat runs']);
});
