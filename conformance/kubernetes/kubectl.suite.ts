import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Cluster, configMap, deployment, pod } from './cluster.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

const kubectl = (words: string | readonly string[], input?: string, environment?: Record<string, string>) =>
  cluster.kubectl(words, input, environment);
const json = async (words: string) => JSON.parse(await kubectl(`${words} -o json`));
const lines = (text: string) => text.trim().split('\n');

describe('what the server has', () => {
  test('version, api-resources, api-versions, get --raw, cluster-info', async () => {
    expect(await kubectl('version')).toMatch(/Server Version: v1\.32/);
    expect(await kubectl('api-resources')).toMatch(/deployments +deploy +apps\/v1 +true +Deployment/);
    expect(lines(await kubectl('api-versions'))).toEqual(
      expect.arrayContaining(['v1', 'apps/v1', 'tekton.dev/v1']),
    );
    expect(await kubectl('get --raw /readyz')).toBe('ok');
    expect(await kubectl('get --raw /api/v1/namespaces/default')).toContain('"kind":"Namespace"');
  });

  test('explain, of built-in kinds and of others', async () => {
    expect(await kubectl('explain deployment.spec.template.spec.containers.image')).toContain(
      'FIELD: image <string>',
    );
    expect(await kubectl('explain pipelinerun.spec')).toContain('taskRunTemplate');
    expect(await kubectl('explain pod --recursive')).toContain('terminationGracePeriodSeconds');
  });

  test('auth can-i and whoami', async () => {
    expect(await kubectl('auth can-i create deployments')).toBe('yes\n');
    expect(await kubectl('auth can-i --list')).toMatch(/\*\.\*/);
    expect(await kubectl('auth whoami')).toContain('Username');
  });
});

describe('objects', () => {
  test('create, get in every format, sorted and selected', async () => {
    await kubectl('create ns shapes');
    await kubectl('-n shapes create configmap one --from-literal=a=b');
    await kubectl('-n shapes create secret generic two --from-literal=p=q');
    await kubectl('-n shapes create deployment three --image=python --replicas=0 -- sleep 1000');
    await kubectl('-n shapes create service clusterip four --tcp=80:8080');
    await kubectl('-n shapes create serviceaccount five');
    expect(lines(await kubectl('-n shapes get cm'))[1]).toMatch(/^one +1 +\d+s$/);
    expect(await kubectl('-n shapes get deploy -o wide')).toMatch(
      /three +0\/0 +0 +0 +\d+s +python +python +app=three/,
    );
    expect(await kubectl('-n shapes get cm one -o yaml')).toContain('a: b');
    expect(await kubectl('-n shapes get cm,secret -o name')).toBe('configmap/one\nsecret/two\n');
    expect(await kubectl('-n shapes get secret two -o jsonpath={.data.p}')).toBe('cQ==');
    expect(await kubectl('get cm -A --field-selector metadata.name=one')).toContain('shapes');
    await kubectl('-n shapes label cm one color=red');
    expect(await kubectl('-n shapes get cm -l color=red -o name')).toBe('configmap/one\n');
    expect(await kubectl('-n shapes get cm -l color!=red -o name')).toBe('');
    expect(await kubectl('-n shapes get sa --sort-by=.metadata.name')).toContain('five');
    expect(await kubectl('-n shapes get cm --chunk-size=1 -o name')).toBe('configmap/one\n');
    await kubectl('delete ns shapes');
    expect((await cluster.run('get ns shapes')).code).toBe(1);
  });

  test('apply, unchanged, diff, dry run, and what goes from the file goes from the object', async () => {
    await cluster.apply(configMap('applied', { a: '1', b: '2' }));
    expect(await cluster.apply(configMap('applied', { a: '1', b: '2' }))).toContain('unchanged');
    const changed = JSON.stringify(configMap('applied', { a: '3' }));
    const diff = await cluster.run('diff -f -', changed);
    expect([diff.code, diff.stdout]).toEqual([1, expect.stringMatching(/-\s+a: "1"[\s\S]*\+\s+a: "3"/)]);
    expect(await kubectl('apply --dry-run=server -f -', changed)).toContain('configured (server dry run)');
    expect((await json('get cm applied')).data).toEqual({ a: '1', b: '2' });
    await kubectl('apply -f -', changed);
    expect((await json('get cm applied')).data).toEqual({ a: '3' });
  });

  test('server-side apply: managers, conflicts, force', async () => {
    const as = (manager: string, value: string, more = '') =>
      cluster.run(
        `apply --server-side --field-manager=${manager}${more} -f -`,
        JSON.stringify(configMap('shared', { a: value })),
      );
    expect((await as('one', '1')).stdout).toContain('serverside-applied');
    const refused = await as('two', '2');
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/conflict with "one"[\s\S]*\.data\.a/),
    ]);
    expect((await as('two', '2', ' --force-conflicts')).code).toBe(0);
    expect(await kubectl('get cm shared -o yaml --show-managed-fields')).toMatch(
      /manager: two[\s\S]*operation: Apply/,
    );
  });

  test('patch in all three kinds, replace, edit, annotate', async () => {
    await cluster.apply({
      ...deployment('patched'),
      spec: { ...(deployment('patched') as never as { spec: object }).spec, replicas: 0 },
    });
    const strategic = {
      spec: { template: { spec: { containers: [{ name: 'main', env: [{ name: 'B', value: '2' }] }] } } },
    };
    await kubectl(['patch', 'deploy', 'patched', '-p', JSON.stringify(strategic)]);
    await kubectl(['patch', 'deploy', 'patched', '--type=merge', '-p', '{"metadata":{"labels":{"m":"1"}}}']);
    await kubectl([
      'patch',
      'deploy',
      'patched',
      '--type=json',
      '-p',
      '[{"op":"add","path":"/metadata/labels/j","value":"1"}]',
    ]);
    const object = await json('get deploy patched');
    expect(object.metadata.labels).toMatchObject({ m: '1', j: '1' });
    expect(
      object.spec.template.spec.containers[0].env.map(({ name }: { name: string }) => name).sort(),
    ).toEqual(['A', 'B']);
    await kubectl('annotate deploy patched note=here');
    object.metadata.annotations.note = 'replaced';
    expect((await cluster.run('replace -f -', JSON.stringify(object))).stderr).toContain(
      'the object has been modified',
    );
    delete object.metadata.resourceVersion;
    await kubectl('replace -f -', JSON.stringify(object));
    const editor = join(cluster.platform.home, 'editor.sh');
    await writeFile(editor, '#!/bin/sh\nsed -i s/replaced/edited/ "$1"\n', { mode: 0o755 });
    await kubectl('edit deploy patched', '', { KUBE_EDITOR: editor });
    expect((await json('get deploy patched')).metadata.annotations.note).toBe('edited');
    await kubectl('delete deploy patched');
  });

  test('explains and lists every kind that is stored', async () => {
    const kinds = lines(await kubectl('api-resources --verbs=list -o name'));
    expect(kinds.length).toBeGreaterThan(40);
    for (const kind of kinds) {
      expect(await kubectl(`explain ${kind} --recursive`)).toContain('metadata');
      await kubectl(`get ${kind} -A`);
      await kubectl(`describe ${kind} -A`);
    }
  });

  test('errors say which field, and mistakes in names of fields', async () => {
    const wrong = await cluster.run(
      'apply -f -',
      JSON.stringify({ ...deployment('wrong'), spec: { replicas: 1 } }),
    );
    expect(wrong.stderr).toMatch(/spec\.selector: Required value/);
    const typo = await cluster.run('create -f -', JSON.stringify({ ...configMap('typo'), dta: {} }));
    expect(typo.stderr).toContain('unknown field "dta"');
    expect((await cluster.run('get nonsense')).stderr).toContain(
      `the server doesn't have a resource type "nonsense"`,
    );
  });

  test("an operator's manifest is kept, and says what nothing acts on", async () => {
    const rbac = 'rbac.authorization.k8s.io/v1';
    const items = [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'op' } },
      {
        apiVersion: rbac,
        kind: 'ClusterRole',
        metadata: { name: 'op' },
        rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
      },
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'op' },
        webhooks: [],
      },
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'op' },
        spec: { minAvailable: 1, selector: { matchLabels: { app: 'op' } } },
      },
    ];
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const applied = await cluster.run('apply -f -', list);
    expect([applied.code, applied.stderr]).toEqual([
      0,
      expect.stringMatching(/grants and refuses nothing[\s\S]*webhooks are not called/),
    ]);
    await kubectl('wait --for=condition=ActedOn=False pdb/op --timeout=20s');
    expect(await kubectl('apply -f -', list)).not.toContain('created');
    await kubectl('create clusterrolebinding op --clusterrole=op --serviceaccount=default:op');
    expect(await kubectl('get clusterrolebinding op -o jsonpath={.subjects[0].name}{.roleRef.name}')).toBe(
      'opop',
    );
    await kubectl('delete clusterrolebinding,clusterrole,sa,pdb,validatingwebhookconfiguration op');
  });

  test('watches, and waits for a condition and for a value', async () => {
    await using watching = cluster.background('get cm -w -l watched=yes');
    await cluster.apply(configMap('watched', { a: '1' }, { watched: 'yes' }));
    await watching.until(/watched +1 /);
    await using waiting = cluster.background('wait --for=jsonpath={.data.a}=9 cm/watched --timeout=30s');
    await cluster.apply(configMap('watched', { a: '9' }, { watched: 'yes' }));
    await waiting.until(/condition met/);
  });

  test('deletes in the foreground, and leaves orphans when asked', async () => {
    await cluster.apply(deployment('owner'));
    await kubectl('rollout status deploy/owner --timeout=30s');
    await kubectl('delete deploy owner --cascade=orphan');
    expect(await kubectl('get rs,pod -l app=owner -o name')).toMatch(/replicaset[\s\S]*pod/);
    await kubectl('delete rs -l app=owner --cascade=foreground');
    expect(await kubectl('get rs,pod -l app=owner -o name')).toBe('');
  });

  test('a finalizer holds an object until it is taken off', async () => {
    await cluster.apply({
      ...configMap('held'),
      metadata: { name: 'held', finalizers: ['tagboat.dev/test'] },
    });
    await kubectl('delete cm held --wait=false');
    expect((await json('get cm held')).metadata.deletionTimestamp).toBeDefined();
    await using waiting = cluster.background('wait --for=delete cm/held --timeout=30s');
    await kubectl(['patch', 'cm', 'held', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    await waiting.until(/condition met/);
  });
});

describe('workloads', () => {
  test('rollout: status, history, undo, restart, pause; scale', async () => {
    await cluster.apply(deployment('rolled', '1'));
    await kubectl('rollout status deploy/rolled --timeout=40s');
    await cluster.apply(deployment('rolled', '2'));
    await kubectl('rollout status deploy/rolled --timeout=40s');
    expect(lines(await kubectl('rollout history deploy/rolled'))).toHaveLength(4);
    await kubectl('rollout undo deploy/rolled');
    await kubectl('rollout status deploy/rolled --timeout=40s');
    expect(
      await kubectl('get deploy rolled -o jsonpath={.spec.template.spec.containers[0].env[0].value}'),
    ).toBe('1');
    await kubectl('rollout restart deploy/rolled');
    await kubectl('rollout status deploy/rolled --timeout=40s');
    await kubectl('scale deploy/rolled --replicas=2');
    await kubectl('wait --for=jsonpath={.status.readyReplicas}=2 deploy/rolled --timeout=40s');
    expect(await kubectl('describe deploy rolled')).toMatch(/Replicas: +2 desired/);
    await kubectl('delete deploy rolled');
  });

  test('a job from a cron job', async () => {
    await kubectl([
      'create',
      'cronjob',
      'nightly',
      '--image=python',
      '--schedule=0 3 * * *',
      '--',
      'echo',
      'ran',
    ]);
    await kubectl('create job now --from=cronjob/nightly');
    await kubectl('wait --for=condition=Complete job/now --timeout=40s');
    expect(await kubectl('logs job/now')).toBe('ran\n');
    expect(await kubectl('get job now')).toMatch(/now +Complete +1\/1/);
    await kubectl('delete cronjob nightly');
  });
});

describe('pods', () => {
  const serve =
    'import http.server, os; print("serving"); http.server.HTTPServer((os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "8000"))), http.server.SimpleHTTPRequestHandler).serve_forever()';
  beforeAll(async () => {
    await cluster.apply(pod('web', ['python3', '-u', '-c', serve], { ports: [{ containerPort: 8000 }] }));
    await kubectl('wait --for=condition=Ready pod/web --timeout=60s');
  });

  test('logs: all, the last lines, by time, of one that is followed', async () => {
    await cluster.apply(pod('talk', ['sh', '-c', 'for i in 1 2 3 4 5; do echo line $i; done; sleep 1000']));
    await kubectl('wait --for=condition=Ready pod/talk --timeout=40s');
    await using following = cluster.background('logs -f talk');
    await following.until(/line 5/);
    expect(lines(await kubectl('logs talk'))).toHaveLength(5);
    expect(await kubectl('logs talk --tail=2')).toBe('line 4\nline 5\n');
    expect(await kubectl('logs talk -c main --since=1h --limit-bytes=6')).toBe('line 1');
    expect(await kubectl('logs talk --timestamps --tail=1')).toMatch(/^\d{4}-\d\d-\d\dT\S+Z line 5\n$/);
    expect((await cluster.run('logs talk -c none')).stderr).toContain('container none is not valid');
    expect((await cluster.run('logs talk --previous')).code).toBe(1);
    await kubectl('delete pod talk');
  });

  test.each(['WebSocket', 'SPDY'])('exec, over %s', async (protocol) => {
    const environment = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: String(protocol === 'WebSocket') };
    const failing = await cluster.run(
      ['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'],
      '',
      environment,
    );
    expect(failing).toMatchObject({ code: 3, stdout: 'out\n', stderr: expect.stringContaining('err\n') });
    const big = 'x'.repeat(3_000_000);
    const counted = await kubectl(['exec', '-i', 'web', '--', 'wc', '-c'], big, environment);
    expect(counted.trim()).toBe('3000000');
    const much = await kubectl(['exec', 'web', '--', 'head', '-c', '5000000', '/dev/zero'], '', environment);
    expect(much).toHaveLength(5_000_000);
    expect((await cluster.run('exec none -- true', '', environment)).stderr).toContain(
      'pods "none" not found',
    );
  });

  test('exec in a terminal of its own', async () => {
    const script = `import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
os.write(fd, b"stty rows 41 cols 133; stty size; exit 7\\n")
text = b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    text += data
print(text.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;
    const output = await cluster.terminal(script, ['exec', '-it', 'web', '--', 'sh']);
    expect(output).toMatch(/41 133\r\n[\s\S]* 7\n$/);
  });

  test('reaches a Service by its names, and sees what its ConfigMap holds now', async () => {
    await cluster.apply(configMap('page', { 'index.html': 'one' }));
    const volumes = [{ name: 'page', configMap: { name: 'page' } }];
    const served = pod('served', ['python3', '-u', '-c', `import os; os.chdir("/srv"); ${serve}`], {
      ports: [{ containerPort: 8000 }],
      volumeMounts: [{ name: 'page', mountPath: '/srv' }],
    }) as { spec: object };
    Object.assign(served.spec, { volumes });
    await cluster.apply(served);
    await kubectl('wait --for=condition=Ready pod/served --timeout=60s');
    await kubectl('expose pod served --name=shop --port=8081 --target-port=8000');
    await kubectl('wait --for=jsonpath={.subsets[0].addresses[0].ip} endpoints/shop --timeout=20s');
    const ask = (host: string) =>
      kubectl([
        'exec',
        'web',
        '--',
        'python3',
        '-c',
        `import urllib.request; print(urllib.request.urlopen("http://${host}:8081/index.html").read().decode())`,
      ]);
    for (const host of ['shop', 'shop.default', 'shop.default.svc.cluster.local'])
      expect(await ask(host)).toBe('one\n');
    await cluster.apply(configMap('page', { 'index.html': 'two' }));
    await expect.poll(() => ask('shop')).toBe('two\n');
    await kubectl('delete svc/shop pod/served cm/page');
  });

  test('a forced deletion does not wait for the grace period', async () => {
    const stubborn = pod('stubborn', ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done']) as {
      spec: object;
    };
    Object.assign(stubborn.spec, { terminationGracePeriodSeconds: 1000 });
    await cluster.apply(stubborn);
    await kubectl('wait --for=condition=Ready pod/stubborn --timeout=40s');
    await kubectl('delete pod stubborn --wait=false');
    await kubectl('delete pod stubborn --force --grace-period=0');
    expect((await cluster.run('get pod stubborn')).code).toBe(1);
  });

  test('cp there and back', async () => {
    const here = join(cluster.platform.home, 'here.txt');
    await writeFile(here, 'carried');
    await kubectl(`cp ${here} web:/tmp/there.txt`);
    await kubectl(`cp web:/tmp/there.txt ${here}.back`);
    expect(await readFile(`${here}.back`, 'utf8')).toBe('carried');
  });

  test('port-forward answers many requests, and tells what cannot be reached', async () => {
    await using forwarding = cluster.background('port-forward pod/web :8000');
    const [, port] = await forwarding.until(/127\.0\.0\.1:(\d+) -> 8000/);
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => (await fetch(`http://127.0.0.1:${port}/`)).text()),
    );
    expect(new Set(answers.map((text) => /Directory listing/.test(text)))).toEqual(new Set([true]));
  });

  test('describe tells containers, conditions and events', async () => {
    expect(await kubectl('describe pod web')).toMatch(/Conditions:[\s\S]*Ready +True/);
    expect(await kubectl('get events')).toMatch(/LAST SEEN|No resources/);
  });
});

describe('kinds at run time', () => {
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'crontabs.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  required: ['cron'],
                  properties: {
                    cron: { type: 'string', pattern: '^[\\d*/ ]+$', description: 'When it runs.' },
                    replicas: { type: 'integer', minimum: 1, maximum: 10, default: 1 },
                  },
                },
                status: { type: 'object', properties: { replicas: { type: 'integer' } } },
              },
            },
          },
          subresources: {
            status: {},
            scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
          },
          additionalPrinterColumns: [{ name: 'Cron', type: 'string', jsonPath: '.spec.cron' }],
        },
      ],
    },
  };
  const cronTab = (spec: object) => ({
    apiVersion: 'stable.example.com/v1',
    kind: 'CronTab',
    metadata: { name: 'my' },
    spec,
  });

  test('a definition brings schema, defaults, columns and scale, and takes its objects with it', async () => {
    await cluster.apply(definition);
    await kubectl('wait --for=condition=Established crd/crontabs.stable.example.com --timeout=20s');
    const refused = await cluster.run(
      'create -f -',
      JSON.stringify(cronTab({ cron: 'often', replicas: 40 })),
    );
    expect(refused.stderr).toMatch(/spec\.cron: Invalid value[\s\S]*spec\.replicas: Invalid value/);
    await cluster.apply(cronTab({ cron: '* * * * *' }));
    expect(lines(await kubectl('get ct'))).toEqual(['NAME   CRON', 'my     * * * * *']);
    await kubectl('scale ct/my --replicas=3');
    expect((await json('get ct my')).spec).toEqual({ cron: '* * * * *', replicas: 3 });
    expect(await kubectl('explain ct.spec.cron')).toContain('When it runs.');
    await kubectl('delete crd crontabs.stable.example.com');
    expect((await cluster.run('get ct')).code).toBe(1);
  });
});
