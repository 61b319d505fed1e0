import { get } from 'node:http';
import { type ConfigMap, kinds } from '@tagboat/api';
import { ManualClock } from '@tagboat/base';
import { mutate } from '@tagboat/store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TestServer } from './testing/server.ts';

let server: TestServer;
const clock = new ManualClock();
beforeEach(async () => {
  server = await TestServer.start({ clock, historyLimit: 20 });
});
afterEach(() => server[Symbol.asyncDispose]());

const configMaps = '/api/v1/namespaces/default/configmaps';
const create = (name: string, labels: Record<string, string> = {}) =>
  server.store.create<ConfigMap>({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', labels },
    data: { a: '1' },
  });
const as = (kind: string) => ({ accept: `application/json;as=${kind};v=v1;g=meta.k8s.io,application/json` });

/** Reads a watch until `count` events came. */
async function watch(
  path: string,
  count: number,
  act?: () => Promise<unknown>,
): Promise<{ type: string; object: never }[]> {
  const url = await server.listen();
  return new Promise((resolve, reject) => {
    const request = get(`${url}${path}`, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (data: string) => {
        text += data;
        const lines = text.split('\n').slice(0, -1);
        if (lines.length < count) return;
        request.destroy();
        resolve(lines.map((line) => JSON.parse(line) as never));
      });
      response.on('end', () => reject(new Error(`the watch ended after: ${text}`)));
      void act?.();
    });
    request.on('error', reject);
  });
}
const shown = (events: { type: string; object: { metadata: { name: string } } }[]) =>
  events.map(({ type, object }) => `${type} ${object.metadata.name}`);

describe('lists', () => {
  test('in pages that show one revision, as text and by selector alike', async () => {
    for (const name of ['a', 'b', 'c', 'd'])
      await create(name, { odd: String(name === 'a' || name === 'c') });
    const first = (await server.request('GET', `${configMaps}?limit=2`)).json();
    expect(first).toMatchObject({ kind: 'ConfigMapList', metadata: { remainingItemCount: 2 } });
    await create('e');
    await server.store.delete({ type: kinds.ConfigMap, namespace: 'default', name: 'd' });
    const next = (
      await server.request('GET', `${configMaps}?limit=2&continue=${first.metadata.continue}`)
    ).json();
    expect(next.items.map((item: ConfigMap) => item.metadata.name)).toEqual(['c', 'd']);
    expect(next.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const odd = (
      await server.request('GET', `${configMaps}?labelSelector=odd=true&fieldSelector=metadata.name!=a`)
    ).json();
    expect(odd.items.map((item: ConfigMap) => item.metadata.name)).toEqual(['c']);
  });

  test('a page of a revision that is no longer known has expired', async () => {
    for (const name of ['a', 'b', 'c']) await create(name);
    const first = (await server.request('GET', `${configMaps}?limit=1`)).json();
    for (let index = 0; index < 60; index++) await create(`m${index}`);
    const late = await server.request('GET', `${configMaps}?limit=1&continue=${first.metadata.continue}`);
    expect(late.json()).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' });
  });

  test('as a table with the columns of the kind, and as metadata alone', async () => {
    await create('one');
    const table = (await server.request('GET', configMaps, undefined, as('Table'))).json();
    expect(table.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual([
      'Name',
      'Data',
      'Age',
    ]);
    expect(table.rows[0]).toMatchObject({
      cells: ['one', 1, '0s'],
      object: { kind: 'PartialObjectMetadata' },
    });
    const full = await server.request('GET', `${configMaps}?includeObject=Object`, undefined, as('Table'));
    expect(full.json().rows[0].object.data).toEqual({ a: '1' });
    const partial = (
      await server.request('GET', configMaps, undefined, as('PartialObjectMetadataList'))
    ).json();
    expect(partial).toMatchObject({
      kind: 'PartialObjectMetadataList',
      items: [{ metadata: { name: 'one' } }],
    });
    expect(partial.items[0].data).toBeUndefined();
  });

  test.each([
    ['labelSelector=a==b==c', 400],
    ['labelSelector=%20in%20(', 400],
    ['fieldSelector=nonsense', 400],
    ['limit=many', 400],
    ['continue=notatoken', 400],
    ['resourceVersion=5&resourceVersionMatch=Sometimes', 400],
    ['resourceVersion=99999&resourceVersionMatch=Exact', 410],
  ])('refuses %s', async (query, code) => {
    const answer = await server.request('GET', `${configMaps}?${query}`);
    expect(answer.json()).toMatchObject({ kind: 'Status', status: 'Failure', code });
  });
});

describe('watches', () => {
  test('begin with what is there, then tell changes of selection', async () => {
    await create('one', { on: 'yes' });
    const events = await watch(`${configMaps}?watch=true&labelSelector=on=yes`, 3, async () => {
      await create('two', { on: 'yes' });
      await mutate(server.store, { type: kinds.ConfigMap, namespace: 'default', name: 'one' }, (draft) => {
        draft.metadata.labels = {};
      });
    });
    expect(shown(events)).toEqual(['ADDED one', 'ADDED two', 'DELETED one']);
  });

  test('go on from a revision', async () => {
    const { metadata } = await create('one');
    await create('two');
    const events = await watch(`${configMaps}?watch=1&resourceVersion=${metadata.resourceVersion}`, 2, () =>
      create('three'),
    );
    expect(shown(events)).toEqual(['ADDED two', 'ADDED three']);
  });

  test('mark where the initial events end', async () => {
    await create('one');
    const query =
      'watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
    const events = await watch(`${configMaps}?${query}`, 2);
    expect(events[1]).toMatchObject({
      type: 'BOOKMARK',
      object: {
        kind: 'ConfigMap',
        metadata: {
          annotations: { 'k8s.io/initial-events-end': 'true' },
          resourceVersion: server.store.resourceVersion,
        },
      },
    });
  });

  test('tell their revision every minute', async () => {
    const { metadata } = await create('one');
    const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${metadata.resourceVersion}`;
    const events = await watch(`${configMaps}?${query}`, 2, async () => {
      await create('two');
      // Of another type: who goes on from the bookmark need not see it again.
      await server.store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
      clock.advance(61_000);
    });
    expect([events[0]!.type, events[1]!.type]).toEqual(['ADDED', 'BOOKMARK']);
    expect(events[1]).toMatchObject({
      object: { metadata: { resourceVersion: server.store.resourceVersion } },
    });
  });

  test('from before what is kept, or from the future, are told so as an event', async () => {
    for (let index = 0; index < 60; index++) await create(`m${index}`);
    for (const revision of ['1', '99999']) {
      const [event] = await watch(`${configMaps}?watch=true&resourceVersion=${revision}`, 1);
      expect(event).toMatchObject({
        type: 'ERROR',
        object: { kind: 'Status', code: 410, reason: 'Expired' },
      });
      await server[Symbol.asyncDispose]();
      server = await TestServer.start({ clock, historyLimit: 20 });
      for (let index = 0; index < 60; index++) await create(`m${index}`);
    }
  });

  test('refuse what makes no sense before they begin', async () => {
    const answer = await server.request('GET', `${configMaps}?watch=true&sendInitialEvents=true`);
    expect(answer.json()).toMatchObject({ kind: 'Status', code: 400 });
  });
});

describe('discovery', () => {
  const aggregated = {
    accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json',
  };

  test('legacy and aggregated agree', async () => {
    const groups = (await server.request('GET', '/apis')).json().groups as {
      name: string;
      versions: { groupVersion: string }[];
    }[];
    const all = await server.request('GET', '/apis', undefined, aggregated);
    expect(all.headers['content-type']).toContain('as=APIGroupDiscoveryList');
    for (const group of groups)
      for (const { groupVersion } of group.versions) {
        const list = (await server.request('GET', `/apis/${groupVersion}`)).json().resources as {
          name: string;
        }[];
        const found = all
          .json()
          .items.find(({ metadata }: never) => (metadata as { name: string }).name === group.name)
          .versions.find(({ version }: { version: string }) => groupVersion.endsWith(`/${version}`));
        expect(found.resources.map(({ resource }: { resource: string }) => resource)).toEqual(
          list.map(({ name }) => name).filter((name) => !name.includes('/')),
        );
      }
    const same = await server.request('GET', '/apis', undefined, {
      ...aggregated,
      'if-none-match': String(all.headers.etag),
    });
    expect(same.statusCode).toBe(304);
  });

  test('OpenAPI describes every kind, and its references lead somewhere', async () => {
    const { paths } = (await server.request('GET', '/openapi/v3')).json();
    for (const path of Object.keys(paths)) {
      const document = await server.request('GET', `/openapi/v3/${path}`);
      const { components } = document.json();
      for (const [, name] of document.body.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
        expect(components.schemas).toHaveProperty([name!]);
    }
    const { definitions } = (await server.request('GET', '/openapi/v2')).json();
    const spec = definitions['io.k8s.api.v1.PodSpec'].properties;
    expect(spec.containers).toMatchObject({
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-list-type': 'map',
    });
  });

  test('what is not served is a Status', async () => {
    for (const path of [
      '/apis/none.example.com/v1',
      '/apis/none/v1/things',
      '/api/v1/nothings',
      '/apis/apps/v9/deployments',
    ])
      expect((await server.request('GET', path)).json()).toMatchObject({ kind: 'Status', code: 404 });
  });
});
