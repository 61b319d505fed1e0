import { Hosting } from '@tagboat/git';
import { ObjectStore } from '@tagboat/store';
import { expect, it } from 'vitest';
import { Repositories } from './repositories.ts';

it.each([
  ['http://127.0.0.1:8080/git/demo/app.git', { namespace: 'demo', name: 'app' }],
  ['http://localhost:8080/git/demo/app', { namespace: 'demo', name: 'app' }],
  ['http://tagboat:token@127.0.0.1:8080/git/demo/app.git', { namespace: 'demo', name: 'app' }],
  ['http://127.0.0.1:8081/git/demo/app.git', undefined],
  ['http://127.0.0.1:8080/gitlab/demo/app.git', undefined],
  ['ssh://127.0.0.1:8080/git/demo/app.git', undefined],
  ['https://github.com/git/demo/app.git', undefined],
  ['git@127.0.0.1:8080/git/demo/app.git', undefined],
  ['http://127.0.0.1:8080/git/demo', undefined],
])('%s names %j', async (url, wanted) => {
  await using store = new ObjectStore({});
  const repositories = new Repositories({
    store,
    hosting: new Hosting('/nowhere'),
    baseUrl: 'http://127.0.0.1:8080/git',
    home: '/nowhere',
  });
  expect(repositories.hostedAt(url)).toEqual(wanted);
});
