import { createVerify, generateKeyPairSync } from 'node:crypto';
import { type CommitStatus, kinds, type Repository, type Secret } from '@tagboat/api';
import { ManualClock } from '@tagboat/base';
import { mutate } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { credentialsOf } from '../repository-controller.ts';
import { webhookSecretOf } from './forge.ts';
import { type ForgeWorld, forgeWorld, head, token } from './forge-world.testing.ts';
import { installationToken } from './github-app.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
});
const encoded = (text: string) => Buffer.from(text).toString('base64');

describe('a GitHub App', () => {
  let here: ForgeWorld;
  let asked: { url: string; authorization: string }[];
  let installed: boolean;
  beforeEach(async () => {
    here = await forgeWorld('github');
    asked = [];
    installed = true;
    here.world.instead = (line, authorization = '') => {
      if (!/installation/.test(line)) return undefined;
      asked.push({ url: line, authorization });
      if (!installed) return { code: 404, body: '{"message":"Not Found"}' };
      const answer = line.startsWith('GET') ? { id: 7 } : { token, expires_at: '2026-01-01T01:00:00Z' };
      return { code: line.startsWith('GET') ? 200 : 201, body: JSON.stringify(answer) };
    };
  });
  afterEach(() => here[Symbol.asyncDispose]());
  const access = (id: string) => ({ api: here.url, repository: 'team/app', id, privateKey });

  it('says who it is with its key, and keeps the token for most of its hour', async () => {
    const clock = new ManualClock();
    const tokens = await Promise.all([
      installationToken(access('42'), clock),
      installationToken(access('42'), clock),
    ]);
    expect(tokens).toEqual([token, token]);
    expect(asked.map(({ url }) => url)).toEqual([
      'GET /repos/team/app/installation',
      'POST /app/installations/7/access_tokens',
    ]);
    const [first = '', payload = '', signature = ''] = asked[0]!.authorization
      .replace('Bearer ', '')
      .split('.');
    const now = clock.now() / 1000;
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toEqual({
      iss: '42',
      iat: now - 60,
      exp: now + 540,
    });
    const verified = createVerify('RSA-SHA256')
      .update(`${first}.${payload}`)
      .verify(publicKey, signature, 'base64url');
    expect(verified).toBe(true);
    clock.advance(49 * 60_000);
    await installationToken(access('42'), clock);
    expect(asked).toHaveLength(2);
    clock.advance(2 * 60_000);
    await installationToken(access('42'), clock);
    expect(asked).toHaveLength(4);
  });

  it('says what is wrong, and asks again the next time', async () => {
    installed = false;
    await expect(installationToken(access('43'))).rejects.toThrow(
      /App 43 is not installed on team\/app: .*404/,
    );
    installed = true;
    expect(await installationToken(access('43'))).toBe(token);
    await expect(installationToken({ ...access('44'), privateKey: 'no key' })).rejects.toThrow(
      /no private key in PEM/,
    );
  });

  it('writes check runs, follows pull requests and opens the repository, with the Secret that upstream knows', async () => {
    const { store, key, until, world, pull, controller } = here;
    const secret = {
      'github-application-id': encoded('45'),
      'github-private-key': encoded(privateKey),
      'webhook.secret': encoded('hook'),
    };
    await store.create<Secret>({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'pipelines-as-code-secret', namespace: 'pipelines-as-code' },
      data: secret,
    });
    await mutate<Repository>(store, key, (draft) => {
      delete draft.spec!.credentialsFrom;
      draft.spec!.forge = { type: 'github', url: here.url, app: { secretName: 'pipelines-as-code-secret' } };
    });
    controller.enqueue(key);
    await pull(2, ({ spec }) => spec?.external === true);
    const repository = (await store.get<Repository>(key))!;
    expect(await credentialsOf(store, repository)).toEqual({ username: 'x-access-token', password: token });
    expect(await webhookSecretOf(store, repository)).toBe('hook');

    const own = { type: kinds.CommitStatus, namespace: 'demo', name: 's' };
    const spec = {
      repository: 'app',
      commit: head,
      context: 'tagboat/check/ci',
      targetUrl: 'http://c/run',
      updatedAt: 'now',
    };
    await store.create<CommitStatus>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'CommitStatus',
      metadata: { name: 's', namespace: 'demo' },
      spec: { ...spec, state: 'pending', description: 'runs' },
    });
    const say = async (state: 'pending' | 'success' | 'failure', description: string) => {
      const before = (await store.get<CommitStatus>(own))?.status?.reported?.digest;
      await mutate<CommitStatus>(store, own, (draft) => {
        draft.spec = { ...spec, state, description };
      });
      await until(kinds.CommitStatus, async () => {
        const { reported } = (await store.get<CommitStatus>(own))?.status ?? {};
        return reported && reported.digest !== before;
      });
    };
    await until(kinds.CommitStatus, async () => (await store.get<CommitStatus>(own))?.status?.reported);
    expect(world.checkRuns).toEqual([
      {
        name: 'tagboat/check/ci',
        head_sha: head,
        status: 'in_progress',
        details_url: 'http://c/run',
        output: { title: 'runs', summary: 'runs' },
      },
    ]);
    await say('failure', 'grep: exited with code 1');
    expect(world.checkRuns).toHaveLength(1);
    expect(world.checkRuns[0]).toMatchObject({ status: 'completed', conclusion: 'failure' });
    // What ended stays as it ended: a new attempt is a new check run.
    await say('pending', 'runs');
    await say('success', 'passed');
    expect(world.checkRuns.map(({ conclusion }) => conclusion)).toEqual(['failure', 'success']);
    expect(world.statuses).toEqual([]);
  });
});
