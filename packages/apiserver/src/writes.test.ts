import { kinds } from '@tagboat/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TestServer } from './testing/server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

const configMaps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const pods = '/api/v1/namespaces/default/pods';
const merge = { 'content-type': 'application/merge-patch+json' };
const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
const apply = { 'content-type': 'application/apply-patch+yaml' };

const configMap = (name: string, data: Record<string, string> = { a: '1' }) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});
const deployment = (replicas = 1) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image: 'nginx:1', env: [{ name: 'A', value: '1' }] }] },
    },
  },
});

describe('create', () => {
  test('warns of kinds and fields that nothing acts on', async () => {
    const policy = await server.request(
      'POST',
      '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies',
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'closed' },
        spec: { podSelector: {} },
      },
    );
    expect(policy.statusCode).toBe(201);
    expect(String(policy.headers.warning)).toContain('no connection is refused by it');
    const object = deployment();
    Object.assign(object.spec.template.spec, { nodeSelector: { disk: 'ssd' } });
    const answer = await server.request('POST', deployments, object);
    expect(String(answer.headers.warning)).toContain('nothing here acts on spec.template.spec.nodeSelector');
    const later = await server.request(
      'PATCH',
      `${deployments}/web`,
      { spec: { replicas: 2, template: { spec: { priorityClassName: 'high' } } } },
      merge,
    );
    expect([later.headers.warning].flat()).toEqual([
      '299 - "nothing here acts on spec.template.spec.priorityClassName"',
    ]);
  });

  test('fills in defaults, uid and managed fields', async () => {
    const answer = await server.request('POST', deployments, deployment());
    expect(answer.statusCode).toBe(201);
    const object = answer.json();
    expect(object.spec).toMatchObject({
      revisionHistoryLimit: 10,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } },
    });
    expect(object.spec.template.spec.containers[0]).toMatchObject({ imagePullPolicy: 'IfNotPresent' });
    expect(object.metadata.managedFields).toEqual([
      expect.objectContaining({ manager: 'test', operation: 'Update', apiVersion: 'apps/v1' }),
    ]);
  });

  test('names each wrong field as a cause', async () => {
    const wrong = deployment();
    wrong.spec.template.metadata.labels.app = 'other';
    wrong.spec.template.spec.containers.push({ name: 'main' } as never);
    const answer = (await server.request('POST', deployments, wrong)).json();
    expect(answer).toMatchObject({
      kind: 'Status',
      code: 422,
      reason: 'Invalid',
      details: { name: 'web', kind: 'Deployment' },
    });
    expect(answer.details.causes.map(({ field, reason }: never) => `${reason} ${field}`)).toEqual([
      'FieldValueInvalid spec.template.metadata.labels',
      'FieldValueDuplicate spec.template.spec.containers[1].name',
      'FieldValueRequired spec.template.spec.containers[1].image',
    ]);
  });

  test('refuses, warns of, or drops unknown and repeated fields, as asked', async () => {
    const strange = { ...configMap('one'), dat: {} };
    const strict = await server.request('POST', `${configMaps}?fieldValidation=Strict`, strange);
    expect([strict.statusCode, strict.json().message]).toEqual([
      400,
      expect.stringContaining('unknown field "dat"'),
    ]);
    const warned = await server.request('POST', configMaps, strange);
    expect([warned.headers.warning].flat()).toEqual(['299 - "unknown field \\"dat\\""']);
    expect(warned.json().dat).toBeUndefined();
    const ignored = await server.request('POST', `${configMaps}?fieldValidation=Ignore`, {
      ...strange,
      metadata: { name: 'two' },
    });
    expect([ignored.statusCode, ignored.headers.warning]).toEqual([201, undefined]);
    const twice =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"three"},"data":{"a":"1","a":"2"}}';
    const repeated = await server.request('POST', `${configMaps}?fieldValidation=Strict`, twice);
    expect(repeated.json().message).toContain('duplicate field "data.a"');
  });

  test('a dry run answers as if, and keeps nothing', async () => {
    const answer = await server.request('POST', `${configMaps}?dryRun=All`, configMap('one'));
    expect([answer.statusCode, answer.json().metadata.name]).toEqual([201, 'one']);
    expect((await server.request('GET', `${configMaps}/one`)).statusCode).toBe(404);
    expect((await server.request('POST', `${configMaps}?dryRun=Some`, configMap('one'))).statusCode).toBe(
      400,
    );
  });

  test('tells what is there already, and namespaces that are not or are going', async () => {
    await server.request('POST', configMaps, configMap('one'));
    expect((await server.request('POST', configMaps, configMap('one'))).json()).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "one" already exists',
    });
    const elsewhere = await server.request('POST', '/api/v1/namespaces/none/configmaps', configMap('one'));
    expect(elsewhere.json()).toMatchObject({ code: 404, message: 'namespaces "none" not found' });
    await server.request('POST', '/api/v1/namespaces', { metadata: { name: 'going' } });
    await server.request('DELETE', '/api/v1/namespaces/going');
    const late = await server.request('POST', '/api/v1/namespaces/going/configmaps', configMap('one'));
    expect(late.json()).toMatchObject({
      code: 403,
      details: { causes: [{ reason: 'NamespaceTerminating' }] },
    });
  });

  test('takes YAML, and makes names', async () => {
    const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: made-}\ndata: {a: "yes"}\n';
    const answer = await server.request('POST', configMaps, text, { 'content-type': 'application/yaml' });
    expect(answer.json()).toMatchObject({
      metadata: { name: expect.stringMatching(/^made-\w{5}$/) },
      data: { a: 'yes' },
    });
  });
});

describe('update', () => {
  test('a stale revision is a conflict, fields that are set for good stay', async () => {
    const created = (await server.request('POST', deployments, deployment())).json();
    const changed = { ...created, spec: { ...created.spec, replicas: 3 } };
    expect((await server.request('PUT', `${deployments}/web`, changed)).json()).toMatchObject({
      metadata: { generation: 2 },
    });
    expect((await server.request('PUT', `${deployments}/web`, changed)).json()).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: expect.stringContaining('the object has been modified'),
    });
    const other = {
      ...deployment(),
      spec: { ...deployment().spec, selector: { matchLabels: { app: 'x' } } },
    };
    other.spec.template.metadata.labels.app = 'x';
    expect((await server.request('PUT', `${deployments}/web`, other)).json().message).toContain(
      'field is immutable',
    );
  });

  test('status has a way of its own', async () => {
    await server.request('POST', deployments, { ...deployment(), status: { replicas: 9 } });
    const status = { ...deployment(), spec: {}, status: { replicas: 2, readyReplicas: 1 } };
    const stored = (
      await server.request('PATCH', `${deployments}/web/status`, { status: status.status }, merge)
    ).json();
    expect([stored.status.readyReplicas, stored.spec.replicas, stored.metadata.generation]).toEqual([
      1, 1, 1,
    ]);
    const whole = (
      await server.request('PATCH', `${deployments}/web`, { status: { replicas: 7 } }, merge)
    ).json();
    expect(whole.status.replicas).toBe(2);
  });

  test('scale reads and sets replicas', async () => {
    await server.request('POST', deployments, deployment(2));
    const scale = (await server.request('GET', `${deployments}/web/scale`)).json();
    expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 2 }, status: { selector: 'app=web' } });
    await server.request('PUT', `${deployments}/web/scale`, { ...scale, spec: { replicas: 5 } });
    expect((await server.request('GET', `${deployments}/web`)).json().spec.replicas).toBe(5);
    await server.request('PATCH', `${deployments}/web/scale`, { spec: { replicas: 0 } }, merge);
    expect((await server.request('GET', `${deployments}/web`)).json().spec.replicas).toBe(0);
    expect(
      (await server.request('PUT', `${deployments}/web/scale`, { spec: { replicas: -1 } })).statusCode,
    ).toBe(422);
  });
});

describe('patch', () => {
  beforeEach(async () => {
    await server.request('POST', deployments, deployment());
  });
  const container = (object: { spec: { template: { spec: { containers: unknown[] } } } }) =>
    object.spec.template.spec.containers[0] as { image: string; env: unknown[] };

  test('strategic merge goes by the kind: containers by name, environment by name', async () => {
    const patch = {
      spec: {
        template: {
          spec: {
            $setElementOrder: undefined,
            containers: [
              {
                name: 'main',
                env: [
                  { name: 'B', value: '2' },
                  { name: 'A', $patch: 'delete' },
                ],
              },
            ],
          },
        },
      },
    };
    const after = (await server.request('PATCH', `${deployments}/web`, patch, strategic)).json();
    expect(container(after)).toMatchObject({ image: 'nginx:1', env: [{ name: 'B', value: '2' }] });
  });

  test('$retainKeys drops the fields of another strategy', async () => {
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
    const after = (await server.request('PATCH', `${deployments}/web`, patch, strategic)).json();
    expect(after.spec.strategy).toEqual({ type: 'Recreate' });
  });

  test('merge and JSON patches; a test that fails changes nothing', async () => {
    await server.request('PATCH', `${deployments}/web`, { metadata: { labels: { a: 'b' } } }, merge);
    const type = { 'content-type': 'application/json-patch+json' };
    const operations = [
      { op: 'test', path: '/metadata/labels/a', value: 'b' },
      { op: 'remove', path: '/metadata/labels/a' },
    ];
    expect((await server.request('PATCH', `${deployments}/web`, operations, type)).statusCode).toBe(200);
    expect((await server.request('PATCH', `${deployments}/web`, operations, type)).statusCode).toBe(422);
    const replaced = [{ op: 'replace', path: '/spec/paused', value: true }];
    const added = (await server.request('PATCH', `${deployments}/web`, replaced, type)).json();
    expect(added.spec.paused, 'a field that was not there, as `tkn pipelinerun cancel` does it').toBe(true);
    const nowhere = [{ op: 'replace', path: '/spec/none/x', value: 1 }];
    expect((await server.request('PATCH', `${deployments}/web`, nowhere, type)).statusCode).toBe(422);
  });

  test('media types that are none are told, and strategic merge of a custom kind', async () => {
    const odd = await server.request(
      'PATCH',
      `${deployments}/web`,
      {},
      { 'content-type': 'application/json' },
    );
    expect(odd.json()).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
    await server.request('POST', '/apis/tekton.dev/v1/namespaces/default/tasks', {
      metadata: { name: 't' },
      spec: { steps: [] },
    });
    const custom = await server.request(
      'PATCH',
      '/apis/tekton.dev/v1/namespaces/default/tasks/t',
      {},
      strategic,
    );
    expect(custom.statusCode).toBe(415);
  });

  test('a pod keeps its containers', async () => {
    const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    await server.request('POST', pods, pod);
    const moved = await server.request('PATCH', `${pods}/p`, { spec: { hostname: 'x' } }, merge);
    expect(moved.json()).toMatchObject({
      code: 422,
      message: expect.stringContaining('pod updates may not change'),
    });
    const image = { spec: { containers: [{ name: 'c', image: 'j' }] } };
    expect((await server.request('PATCH', `${pods}/p`, image, strategic)).statusCode).toBe(200);
  });
});

describe('server-side apply', () => {
  const by = (manager: string, more = '') => `${deployments}/web?fieldManager=${manager}${more}`;
  const owners = (object: { metadata: { managedFields: { manager: string }[] } }) =>
    object.metadata.managedFields.map(({ manager }) => manager).sort();

  test('creates, and owns what it applies', async () => {
    const created = await server.request('PATCH', by('one'), deployment(), apply);
    expect(created.json().metadata.managedFields[0]).toMatchObject({
      manager: 'one',
      operation: 'Apply',
      fieldsV1: {
        'f:spec': {
          'f:replicas': {},
          'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"main"}': { '.': {}, 'f:image': {} } } } },
        },
      },
    });
    const version = created.json().metadata.resourceVersion;
    const again = await server.request('PATCH', by('one'), deployment(), apply);
    expect(again.json().metadata.resourceVersion).toBe(version);
  });

  test('another manager that wants another value gets a conflict, unless it forces', async () => {
    await server.request('PATCH', by('one'), deployment(1), apply);
    const wanted = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { replicas: 5 },
    };
    const refused = (await server.request('PATCH', by('two'), wanted, apply)).json();
    expect(refused).toMatchObject({
      code: 409,
      reason: 'Conflict',
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            field: '.spec.replicas',
            message: expect.stringContaining('"one"'),
          },
        ],
      },
    });
    const forced = (await server.request('PATCH', by('two', '&force=true'), wanted, apply)).json();
    expect([forced.spec.replicas, owners(forced)]).toEqual([5, ['one', 'two']]);
    const shared = await server.request('PATCH', by('three'), wanted, apply);
    expect([shared.statusCode, owners(shared.json())]).toEqual([200, ['one', 'three', 'two']]);
  });

  test('what a manager no longer applies goes, unless another owns it too', async () => {
    const labelled = { ...deployment(), metadata: { name: 'web', labels: { a: '1', b: '2' } } };
    await server.request('PATCH', by('one'), labelled, apply);
    const keeper = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels: { b: '2' } },
    };
    await server.request('PATCH', by('two'), keeper, apply);
    const after = (await server.request('PATCH', by('one'), deployment(), apply)).json();
    expect(after.metadata.labels).toEqual({ b: '2' });
  });

  test('an ordinary write takes ownership of what it changes', async () => {
    await server.request('PATCH', by('one'), deployment(1), apply);
    await server.request(
      'PATCH',
      `${deployments}/web?fieldManager=kubectl`,
      { spec: { replicas: 4 } },
      merge,
    );
    expect((await server.request('PATCH', by('one'), deployment(1), apply)).json()).toMatchObject({
      code: 409,
      details: { causes: [{ message: expect.stringContaining('"kubectl"') }] },
    });
  });

  test('needs a manager, and cannot set managed fields', async () => {
    expect((await server.request('PATCH', `${deployments}/web`, deployment(), apply)).statusCode).toBe(400);
    const managed = { ...deployment(), metadata: { name: 'web', managedFields: [{}] } };
    expect((await server.request('PATCH', by('one'), managed, apply)).statusCode).toBe(400);
  });
});

describe('delete', () => {
  test('tells what it deleted, with preconditions and policies', async () => {
    const { metadata } = (await server.request('POST', configMaps, configMap('one'))).json();
    const stale = await server.request('DELETE', `${configMaps}/one`, { preconditions: { uid: 'other' } });
    expect(stale.statusCode).toBe(409);
    expect((await server.request('DELETE', `${configMaps}/one?propagationPolicy=Sideways`)).statusCode).toBe(
      400,
    );
    const kept = await server.request('DELETE', `${configMaps}/one?dryRun=All`);
    expect(kept.statusCode).toBe(200);
    const held = await server.request('DELETE', `${configMaps}/one`, { propagationPolicy: 'Foreground' });
    expect(held.json().metadata).toMatchObject({ uid: metadata.uid, finalizers: ['foregroundDeletion'] });
    const done = await server.request(
      'PATCH',
      `${configMaps}/one`,
      { metadata: { finalizers: null } },
      merge,
    );
    expect(done.statusCode).toBe(200);
    expect((await server.request('DELETE', `${configMaps}/one`)).json()).toMatchObject({
      code: 404,
      details: { name: 'one', kind: 'configmaps' },
    });
  });

  test('the namespace that everybody has stays', async () => {
    const answer = await server.request('DELETE', '/api/v1/namespaces/default');
    expect(answer.json()).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(answer.json().message).toContain('this namespace may not be deleted');
    await server.store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'mine' } });
    expect((await server.request('DELETE', '/api/v1/namespaces/mine')).statusCode).toBe(200);
  });

  test('a collection goes by selector', async () => {
    for (const name of ['a', 'b', 'c'])
      await server.request('POST', configMaps, {
        ...configMap(name),
        metadata: { name, labels: { half: name < 'b' ? 'x' : 'y' } },
      });
    const gone = await server.request('DELETE', `${configMaps}?labelSelector=half=y`);
    expect(gone.json().items).toHaveLength(2);
    expect((await server.store.list(kinds.ConfigMap)).items.map((item) => item.metadata.name)).toEqual(['a']);
  });

  test('no new finalizers while an object goes', async () => {
    await server.request('POST', configMaps, {
      ...configMap('one'),
      metadata: { name: 'one', finalizers: ['tagboat.dev/a'] },
    });
    await server.request('DELETE', `${configMaps}/one`);
    const more = { metadata: { finalizers: ['tagboat.dev/a', 'tagboat.dev/b'] } };
    expect((await server.request('PATCH', `${configMaps}/one`, more, merge)).json().message).toContain(
      'no new finalizers',
    );
  });
});
