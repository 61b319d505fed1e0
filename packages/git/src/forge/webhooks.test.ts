import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ForgeName } from './forge.ts';
import { type ForgeWorld, forgeWorld, secret } from './forge-world.testing.ts';
import { signatureOf } from './rest-client.ts';

describe.each<ForgeName>(['github', 'gitlab', 'gitea'])('%s', (type) => {
  let here: ForgeWorld;
  beforeEach(async () => {
    here = await forgeWorld(type);
  });
  afterEach(() => here[Symbol.asyncDispose]());

  it('takes a webhook with the right signature alone', async () => {
    const { looked, receiver } = here;
    const payload = JSON.stringify({ any: 'thing' });
    const signed = (with_: string): Record<string, string> => {
      const signature = signatureOf(Buffer.from(payload), with_);
      return {
        github: { 'x-hub-signature-256': `sha256=${signature}` },
        gitea: { 'x-gitea-signature': signature },
        gitlab: { 'x-gitlab-token': with_ },
      }[type];
    };
    const send = (headers: Record<string, string>, path = '/webhooks/demo/app') =>
      receiver.inject({
        method: 'POST',
        url: path,
        headers: { 'content-type': 'application/json', ...headers },
        payload,
      });
    expect((await send(signed('wrong'))).statusCode).toBe(403);
    expect((await send({})).statusCode).toBe(403);
    expect((await send(signed(secret), '/webhooks/demo/other')).statusCode).toBe(403);
    expect(looked).toEqual([]);
    expect((await send(signed(secret))).statusCode).toBe(202);
    expect(looked).toEqual(['demo/app']);
  });

  it('at one address for all takes what is about a repository that has its URL', async () => {
    const { receiver, url, looked } = here;
    const about = {
      github: { repository: { clone_url: `${url}/team/app.git` } },
      gitea: { repository: { html_url: `${url}/Team/app` } },
      gitlab: { project: { git_http_url: `${url}/team/app.git` } },
    }[type];
    const send = (payload: string, with_ = secret, contentType = 'application/json') => {
      const signature = signatureOf(Buffer.from(payload), with_);
      const headers = { 'x-hub-signature-256': `sha256=${signature}`, 'x-gitea-signature': signature };
      return receiver.inject({
        method: 'POST',
        url: '/webhooks',
        headers: { 'content-type': contentType, 'x-gitlab-token': with_, ...headers },
        payload,
      });
    };
    expect((await send(JSON.stringify(about), 'wrong')).statusCode).toBe(403);
    expect((await send(JSON.stringify({ repository: { clone_url: 'http://h/other' } }))).statusCode).toBe(
      403,
    );
    for (const odd of ['', 'null', '[]', '{"repository":null,"project":7}', 'no json'])
      expect((await send(odd)).statusCode).toBe(403);
    expect(looked).toEqual([]);
    const answers = await Promise.all([send(JSON.stringify(about)), send(JSON.stringify(about))]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202]);
    expect(new Set(looked)).toEqual(new Set(['demo/app']));
    const form = new URLSearchParams({ payload: JSON.stringify(about) }).toString();
    expect((await send(form, secret, 'application/x-www-form-urlencoded')).statusCode).toBe(202);
  });

  it('reads no more of a body than a forge sends', async () => {
    const { receiver, looked } = here;
    const { statusCode } = await receiver.inject({
      method: 'POST',
      url: '/webhooks/demo/app',
      headers: { 'content-type': 'application/json' },
      payload: Buffer.alloc(26 * 2 ** 20),
    });
    expect(statusCode).toBe(413);
    expect(looked).toEqual([]);
  });
});
