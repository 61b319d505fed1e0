import { expect, test } from 'vitest';
import { TestServer } from './testing/server.ts';

const pods = '/api/v1/namespaces/default/pods';

test('the log of a pod that is gone is asked for by its container alone, and leads nowhere else', async () => {
  await using server = await TestServer.start();
  const asked = (path: string) => server.request('GET', `${pods}/${path}`);
  // This server has no node: what reaches it is an error of its own.
  expect((await asked('gone/log?container=step-a')).statusCode).toBe(500);
  for (const path of [
    'gone/log',
    'gone/log?container=..%2f..%2fother',
    'gone/log?container=step%2fa',
    '..%2fgone/log?container=step-a',
  ])
    expect((await asked(path)).statusCode, path).toBe(404);
});
