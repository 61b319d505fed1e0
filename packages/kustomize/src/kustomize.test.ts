import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type KubernetesObject, parseManifests } from '@tagboat/api';
import { canonicalJson } from '@tagboat/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderKustomization, strategicMergePatch } from './index.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-kustomize-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function put(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { a: b } }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: c
          image: nginx:1
          env: [{ name: A, value: "1" }]
          envFrom: [{ configMapRef: { name: settings } }]
      volumes: [{ name: s, secret: { secretName: keys } }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: { name: m }
spec: { predictor: { containers: [{ name: kserve-container, image: m }] } }
`;
const base = {
  'base/kustomization.yaml':
    'resources: [all.yaml]\nconfigMapGenerator:\n  - { name: settings, literals: [a=1, "b=<x>&"] }\nsecretGenerator:\n  - { name: keys, literals: [k=v] }\n',
  'base/all.yaml': deployment,
};
const overlay = `namespace: prod
namePrefix: p-
resources: [../../base]
commonAnnotations: { note: x }
labels: [{ pairs: { team: t }, includeSelectors: true }]
images:
  - { name: nginx, newTag: "2" }
  - { name: m, newName: host:1/m, digest: "sha256:${'a'.repeat(64)}" }
replicas: [{ name: web, count: 3 }]
patches:
  - path: patch.yaml
  - target: { kind: Service }
    patch: |-
      - op: replace
        path: /spec/ports/0/port
        value: 81
`;
const patch = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec: { template: { spec: { containers: [{ name: c, env: [{ name: B, value: "2" }] }] } } }
`;
const files = { ...base, 'overlays/prod/kustomization.yaml': overlay, 'overlays/prod/patch.yaml': patch };

function kubectl(): boolean {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const identify = (object: KubernetesObject) => `${object.kind}/${object.metadata.name}`;
const sorted = (objects: readonly KubernetesObject[]) =>
  [...objects]
    .sort((a, b) => identify(a).localeCompare(identify(b)))
    .map((object) => JSON.parse(canonicalJson(object)) as KubernetesObject);

describe('renderKustomization', () => {
  it.skipIf(!kubectl())('gives what kubectl kustomize gives (needs kubectl)', async () => {
    await put(files);
    const ours = await renderKustomization(join(directory, 'overlays/prod'), directory);
    const text = execFileSync('kubectl', ['kustomize', join(directory, 'overlays/prod')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(sorted(ours)).toEqual(sorted(parseManifests(text, 'kubectl')));
  });

  it('renders overlays over a base', async () => {
    await put(files);
    const objects = await renderKustomization(join(directory, 'overlays/prod'), directory);
    const service = objects.find(({ kind }) => kind === 'InferenceService');
    expect(service?.metadata).toMatchObject({ name: 'p-m', namespace: 'prod', annotations: { note: 'x' } });
    expect(JSON.stringify(service?.spec)).toContain(`host:1/m@sha256:${'a'.repeat(64)}`);
  });

  it('follows no link out of its repository', async () => {
    await put({
      'secret.txt': 'not of the repository',
      'repo/a/kustomization.yaml': 'configMapGenerator: [{ name: x, files: [stolen] }]\n',
      'repo/b/kustomization.yaml': 'resources: [elsewhere]\n',
      'repo/c/kustomization.yaml': 'configMapGenerator: [{ name: x, files: [kept] }]\n',
      'repo/c/file.txt': 'of the repository',
      'outside/kustomization.yaml': 'resources: []\n',
    });
    const root = join(directory, 'repo');
    await symlink('../../secret.txt', join(root, 'a/stolen'));
    await symlink('../../outside', join(root, 'b/elsewhere'));
    await symlink('../outside/kustomization.yaml', join(root, 'kustomization.yaml'));
    await symlink('file.txt', join(root, 'c/kept'));
    for (const place of [join(root, 'a'), join(root, 'b'), root])
      await expect(renderKustomization(place, root)).rejects.toThrow(/outside the repository/);
    expect(await renderKustomization(join(root, 'c'), root)).toMatchObject([
      { data: { kept: 'of the repository' } },
    ]);
  });

  it('stays inside its repository and says what it cannot do', async () => {
    await put({ 'o/kustomization.yaml': 'resources: [../../../etc]\n' });
    await expect(renderKustomization(join(directory, 'o'), directory)).rejects.toThrow(
      /outside the repository/,
    );
    await put({ 'o/kustomization.yaml': 'resources: []\nhelmCharts: []\n' });
    await expect(renderKustomization(join(directory, 'o'), directory)).rejects.toMatchObject({
      location: { file: 'o/kustomization.yaml', line: 2 },
    });
    await put({ 'o/kustomization.yaml': 'resources: [https://github.com/x/y]\n' });
    await expect(renderKustomization(join(directory, 'o'), directory)).rejects.toThrow(
      /fetched from elsewhere/,
    );
    await put({ 'o/kustomization.yaml': 'resources: [../o]\n' });
    await expect(renderKustomization(join(directory, 'o'), directory)).rejects.toThrow(/circle/);
  });
});

describe('as kustomize has it', () => {
  const render = async (given: Record<string, string>, place = '.') => {
    await put(given);
    return renderKustomization(join(directory, place), directory);
  };
  const named = (objects: readonly KubernetesObject[], kind: string) =>
    objects.find((object) => object.kind === kind) as unknown as Record<string, never>;
  const configMap = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n`;

  it('a generator that merges keeps the name, its references and what describes it', async () => {
    const objects = await render(
      {
        'base/kustomization.yaml':
          'namePrefix: p-\nresources: [d.yaml]\nconfigMapGenerator:\n  - { name: cm, literals: [a=1], options: { labels: { l: x } } }\n',
        'base/d.yaml':
          'apiVersion: v1\nkind: Pod\nmetadata: { name: pod }\nspec: { containers: [{ name: c, envFrom: [{ configMapRef: { name: cm } }] }] }\n',
        'o/kustomization.yaml':
          'resources: [../base]\nconfigMapGenerator:\n  - { name: cm, behavior: merge, literals: [b=2] }\n',
      },
      'o',
    );
    const made = objects.find(({ kind }) => kind === 'ConfigMap')!;
    expect(made).toMatchObject({ data: { a: '1', b: '2' }, metadata: { labels: { l: 'x' } } });
    expect(made.metadata.name).toMatch(/^p-cm-\w{10}$/);
    expect(JSON.stringify(named(objects, 'Pod'))).toContain(
      `"configMapRef":{"name":"${made.metadata.name}"}`,
    );
    const again = 'resources: [../base]\nconfigMapGenerator: [{ name: cm, literals: [b=2] }]\n';
    await expect(render({ 'o/kustomization.yaml': again }, 'o')).rejects.toThrow(/is there already/);
  });

  it('bindings follow the roles and service accounts that they name', async () => {
    const objects = await render({
      'kustomization.yaml': 'namePrefix: p-\nnamespace: prod\nresources: [r.yaml]\n',
      'r.yaml': `apiVersion: v1
kind: ServiceAccount
metadata: { name: sa }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: role }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: b }
roleRef: { kind: Role, name: role, apiGroup: rbac.authorization.k8s.io }
subjects: [{ kind: ServiceAccount, name: sa }, { kind: ServiceAccount, name: default }, { kind: ServiceAccount, name: sa, namespace: other }]
`,
    });
    expect(named(objects, 'RoleBinding')).toMatchObject({
      roleRef: { name: 'p-role' },
      subjects: [
        { name: 'p-sa', namespace: 'prod' },
        { name: 'default', namespace: 'prod' },
        { name: 'sa', namespace: 'other' },
      ],
    });
  });

  it('labels reach everything that selects by them', async () => {
    const objects = await render({
      'kustomization.yaml': 'commonLabels: { l: x }\nresources: [n.yaml]\n',
      'n.yaml':
        'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: policy, annotations: { port: 80 } }\nspec: { ingress: [{ from: [{ podSelector: { matchLabels: { a: b } } }] }], podSelector: {} }\n',
    });
    expect(named(objects, 'NetworkPolicy')).toMatchObject({
      metadata: { annotations: { port: '80' } },
      spec: { ingress: [{ from: [{ podSelector: { matchLabels: { a: 'b', l: 'x' } } }] }], podSelector: {} },
    });
  });

  it('what has no effect, or means several, is an error', async () => {
    const cases: [string, RegExp][] = [
      ['images: [{ name: a, newtag: "2" }]', /unknown key "newtag" in images.0/],
      ['patches: [{ path: x, target: { kinds: Pod } }]', /unknown key "kinds"/],
      ['resources: a.yaml', /resources: expected a list/],
      ['commonLabels: { a: 1 }', /commonLabels.a: expected a text/],
      ['resources: [a.yaml]\nreplicas: [{ name: none, count: 2 }]', /nothing with replicas called "none"/],
      ['resources: [a.yaml]\npatches: [{ path: empty.yaml }]', /expected a patch, found nothing/],
      [
        'resources: [a.yaml]\npatches: [{ target: { name: "(" }, patch: "- {op: remove, path: /data}" }]',
        /regular expression/,
      ],
      [
        'resources: [a.yaml]\nreplacements: [{ source: { kind: X }, targets: [] }]',
        /one source X "", found none/,
      ],
    ];
    await put({ 'a.yaml': configMap('a'), 'empty.yaml': '# nothing\n' });
    for (const [text, error] of cases)
      await expect(render({ 'kustomization.yaml': `${text}\n` })).rejects.toThrow(error);
    const two = {
      'x/kustomization.yaml': 'namePrefix: x-\nresources: [../b]\n',
      'z/kustomization.yaml': 'namePrefix: z-\nresources: [../b]\n',
    };
    await put({ ...two, 'b/kustomization.yaml': 'resources: [a.yaml]\n', 'b/a.yaml': configMap('a') });
    const patch =
      'resources: [x, z]\npatches: [{ patch: "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: v}}" }]\n';
    await expect(render({ 'kustomization.yaml': patch })).rejects.toThrow(/more than one ConfigMap "a"/);
  });

  it('an expression that would never end ends the rendering, not the platform', async () => {
    const text = `resources: [a.yaml]\npatches: [{ target: { name: "(a+)+$" }, patch: "- {op: remove, path: /data}" }]\n`;
    const given = { 'a.yaml': configMap(`${'a'.repeat(60)}-x`), 'kustomization.yaml': text };
    await expect(render(given)).rejects.toThrow(/regular expression/);
  });

  it('replacements copy fields, parts of them and into parts of texts', async () => {
    const objects = await render({
      'kustomization.yaml': `resources: [a.yaml, d.yaml]
replacements:
  - source: { kind: ConfigMap, name: a, fieldPath: data.host }
    targets:
      - select: { kind: Pod }
        fieldPaths: ["spec.containers.[name=c].env.[name=URL].value"]
        options: { delimiter: /, index: 2 }
      - { select: { kind: Pod }, fieldPaths: [metadata.annotations.host], options: { create: true } }
  - { path: more.yaml }
`,
      'more.yaml':
        'source: { kind: ConfigMap, fieldPath: data.port }\ntargets: [{ select: { kind: Pod }, fieldPaths: ["spec.containers.0.ports.*.containerPort"] }]\n',
      'a.yaml': `${configMap('a')}data: { host: example.com, port: "81" }\n`,
      'd.yaml':
        'apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { containers: [{ name: c, ports: [{ containerPort: 80 }], env: [{ name: URL, value: http://HOST/x }] }] }\n',
    });
    expect(named(objects, 'Pod')).toMatchObject({
      metadata: { annotations: { host: 'example.com' } },
      spec: { containers: [{ ports: [{ containerPort: 81 }], env: [{ value: 'http://example.com/x' }] }] },
    });
  });
});

describe('strategicMergePatch', () => {
  it('merges by key, deletes and replaces', () => {
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      spec: { containers: [{ name: 'a', image: 'x' }, { name: 'b' }] },
    };
    const result = strategicMergePatch(object, {
      spec: {
        containers: [
          { name: 'a', image: 'y' },
          { name: 'b', $patch: 'delete' },
        ],
      },
    });
    expect(result.spec.containers).toEqual([{ name: 'a', image: 'y' }]);
  });

  it('tells ports by number and protocol, puts what it names first, and replaces lists without keys', () => {
    const object = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { finalizers: ['a'] },
      spec: {
        containers: [
          {
            name: 'a',
            ports: [
              { containerPort: 53, protocol: 'TCP' },
              { containerPort: 53, protocol: 'UDP' },
            ],
          },
          { name: 'b' },
        ],
        tolerations: [{ key: 'a' }],
      },
    };
    const patch = {
      metadata: { finalizers: ['b'] },
      spec: {
        containers: [
          { name: 'new' },
          { name: 'b', image: 'x' },
          { name: 'a', ports: [{ containerPort: 53, protocol: 'UDP', hostPort: 1 }] },
        ],
        tolerations: [{ key: 'b' }],
      },
    };
    expect(strategicMergePatch(object, patch)).toMatchObject({
      metadata: { finalizers: ['b', 'a'] },
      spec: {
        containers: [
          { name: 'new' },
          { name: 'b', image: 'x' },
          {
            name: 'a',
            ports: [
              { containerPort: 53, protocol: 'TCP' },
              { containerPort: 53, protocol: 'UDP', hostPort: 1 },
            ],
          },
        ],
        tolerations: [{ key: 'b' }],
      },
    });
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      subjects: [{ name: 'a' }],
    };
    expect(strategicMergePatch(binding, { subjects: [{ name: 'b' }] }).subjects).toEqual([{ name: 'b' }]);
  });

  it('keeps keys that objects have by themselves as keys', () => {
    const patch = JSON.parse('{"data": {"__proto__": {"x": "y"}, "constructor": "c"}}') as object;
    const merged = strategicMergePatch({ apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } }, patch);
    expect(JSON.stringify(merged.data)).toBe('{"a":"b","__proto__":{"x":"y"},"constructor":"c"}');
    expect(Object.getPrototypeOf(merged.data)).toBe(Object.prototype);
  });
});
