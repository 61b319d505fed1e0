import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestServer } from './testing/server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

test('what was stored without defaults is compared as if it had them', async () => {
  const dataOf = (object: object) => (object as { data?: Record<string, string> }).data ?? {};
  server.resources.fillWith((object) => {
    Object.assign(object, { data: { size: 'small', ...dataOf(object) } });
  });
  server.resources.refuseWhere((object, before) =>
    !before || isDeepStrictEqual(dataOf(object), dataOf(before)) ? undefined : 'data is immutable',
  );
  const metadata = { name: 'made-by-the-platform', namespace: 'default' };
  await server.store.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
  const patch = (change: object) =>
    server.request('PATCH', '/api/v1/namespaces/default/configmaps/made-by-the-platform', change, {
      'content-type': 'application/merge-patch+json',
    });
  expect((await patch({ metadata: { labels: { a: 'b' } } })).statusCode).toBe(200);
  const refused = await patch({ data: { size: 'large' } });
  expect([refused.statusCode, refused.json()]).toMatchObject([400, { message: 'data is immutable' }]);
});
