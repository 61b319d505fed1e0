import type { KubernetesObject, Pod } from '@tagboat/api';
import { ObjectStore } from '@tagboat/store';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pullLogin } from './pull-login.ts';

const image = `registry.example.com/team/app@sha256:${'a'.repeat(64)}`;
let store: ObjectStore;
beforeEach(async () => {
  store = new ObjectStore({});
  await object('Secret', 'own', { stringData: { '.dockerconfigjson': configOf('own') } });
  await object('Secret', 'robots', { data: { '.dockerconfigjson': btoa(configOf('robot')) } });
  await object('Secret', 'other', {
    stringData: { '.dockerconfigjson': '{"auths": {"r.example.com": {}}}' },
  });
  await object('Secret', 'bad', { stringData: { '.dockerconfigjson': 'no' } });
  await object('ServiceAccount', 'robot', { imagePullSecrets: [{ name: 'gone' }, { name: 'robots' }] });
});
afterEach(() => store[Symbol.asyncDispose]());

const configOf = (username: string) =>
  JSON.stringify({ auths: { 'registry.example.com': { username, password: 'p' } } });

const object = (kind: string, name: string, more: object) =>
  store.create({ apiVersion: 'v1', kind, metadata: { name, namespace: 'n' }, ...more } as KubernetesObject);

const login = (spec: Partial<Pod['spec']>, labels: Record<string, string> = {}) =>
  pullLogin(
    store,
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'n', labels },
      spec: { containers: [], ...spec },
    },
    image,
  );
const secrets = (...names: string[]) => ({ imagePullSecrets: names.map((name) => ({ name })) });

it("takes a pod's own pull secrets, else its service account's", async () => {
  const robot = { serviceAccountName: 'robot' };
  expect((await login({ ...robot, ...secrets('other', 'own') }))?.username).toBe('own');
  expect((await login(robot))?.username).toBe('robot');
  expect(await login({ ...robot, ...secrets('other') })).toBeUndefined();
  expect(await login({})).toBeUndefined();
});

it('gives code from outside none', async () => {
  expect(await login(secrets('own'), { 'tagboat.dev/untrusted': 'true' })).toBeUndefined();
});

it('says which Secret holds no Docker configuration', async () => {
  await expect(login(secrets('bad'))).rejects.toThrow('the pull secret "bad": expected the JSON');
});
