import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kinds, type PipelineRun, type Repository, type Secret } from '@tagboat/api';
import { httpStatusOf, silentLogger, systemClock } from '@tagboat/base';
import { commitFiles, git } from '@tagboat/git-client';
import { ObjectStore } from '@tagboat/store';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { incomingReceiver } from './index.ts';

const run =
  'apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata:\n  generateName: nightly-\n  annotations: { pipelinesascode.tekton.dev/on-event: "[incoming]", pipelinesascode.tekton.dev/on-target-branch: "[main]", pipelinesascode.tekton.dev/odd: x }\nspec:\n  params: [{ name: text, value: "{{ pull_request_number }} {{ event }} {{ sender }} {{ company }} {{ key }}" }]\n  pipelineSpec: { params: [{ name: text }], tasks: [{ name: a, taskSpec: { steps: [{ image: bash }] } }] }\n';

describe('POST /incoming', () => {
  let directory: string;
  let store: ObjectStore;
  let app: FastifyInstance;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tagboat-incoming-'));
    const url = join(directory, 'r.git');
    await git(['init', '--quiet', '--bare', url]);
    const { commit } = await commitFiles({
      url,
      branch: 'main',
      message: 'm [skip ci]',
      change: (tree) => tree.write('.tekton/nightly.yaml', run),
    });
    store = new ObjectStore({});
    await store.create<Secret>({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'shared', namespace: 'demo' },
      data: { secret: Buffer.from('very-secure').toString('base64') },
    });
    await store.create<Repository>({
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'app', namespace: 'demo' },
      spec: {
        params: [
          { name: 'company', value: 'ACME' },
          { name: 'key', secret_ref: { name: 'shared' } },
        ],
        settings: { github: { comment_strategy: 'update' } },
        incoming: [
          { targets: ['rel/*'], secret: { name: 'gone' }, type: 'webhook-url' },
          { targets: ['ma?n'], secret: { name: 'shared' }, params: ['pull_request_number'] },
        ],
      },
      status: { defaultBranch: 'main', refs: { 'refs/heads/main': commit } },
    });
    app = Fastify();
    app.setErrorHandler((error: Error, _request, reply) =>
      reply.code(httpStatusOf(error)).send({ message: error.message }),
    );
    await app.register((scope) =>
      incomingReceiver(scope, () => ({
        store,
        clock: systemClock,
        log: silentLogger,
        mirrorOf: async () => url,
        registry: 'h:1',
        deploymentUrl: () => 'u',
        page: (project, name) => `http://c/${project}/${name}`,
      })),
    );
  });
  afterEach(async () => {
    await app.close();
    await store[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });
  const asked = { repository: 'app', branch: 'main', pipelinerun: 'nightly-', secret: 'very-secure' };
  const post = (body: object) => app.inject({ method: 'POST', url: '/incoming', payload: body });
  const runs = async () => (await store.list<PipelineRun>(kinds.PipelineRun)).items;

  it('starts the named run for whoever knows the secret, with the variables that are let in', async () => {
    const answer = await post({ ...asked, params: { pull_request_number: '12' } });
    expect(answer.statusCode).toBe(202);
    const [made] = await runs();
    expect(answer.json()).toMatchObject({ status: 202, runs: [made?.metadata.name] });
    expect(made?.spec?.params).toEqual([{ name: 'text', value: '12 incoming incoming ACME very-secure' }]);
    expect(made?.metadata.annotations).toMatchObject({
      'pipelinesascode.tekton.dev/event-type': 'incoming',
      'pipelinesascode.tekton.dev/branch': 'refs/heads/main',
      'pipelinesascode.tekton.dev/log-url': `http://c/demo/${made?.metadata.name}`,
      // Their text holds the value; logs mask it.
      'tagboat.dev/masked-secrets': JSON.stringify([{ name: 'shared', key: 'secret' }]),
      'tagboat.dev/notices':
        'spec.settings.github of the repository is not acted on here; .tekton/nightly.yaml: the annotation pipelinesascode.tekton.dev/odd of nightly is not acted on here',
    });
    expect((await post(asked)).statusCode).toBe(202);
    expect(await runs()).toHaveLength(2);
  });

  it('says the same whether repository, branch, rule or secret is wrong', async () => {
    const answers = await Promise.all(
      [
        { secret: 'no' },
        { repository: 'other' },
        { branch: 'dev' },
        { branch: 'rel/1' },
        { namespace: 'x' },
      ].map((wrong) => post({ ...asked, ...wrong })),
    );
    expect(new Set(answers.map(({ statusCode, body }) => `${statusCode} ${body}`)).size).toBe(1);
    expect(answers[0]?.statusCode).toBe(403);
    expect(await runs()).toEqual([]);
  });

  it('names what is missing, not let in or not there', async () => {
    expect((await post({ repository: 'app' })).json().message).toMatch(/branch, pipelinerun, secret/);
    expect((await post({ ...asked, params: { revision: 'x' } })).json().message).toMatch(/"revision"/);
    const unknown = await post({ ...asked, pipelinerun: 'gone' });
    expect(unknown.statusCode).toBe(404);
    expect(unknown.json().message).toMatch(/no run is called "gone".*nightly/);
    const legacy = await app.inject({ method: 'POST', url: '/incoming?secret=very-secure&repository=app' });
    expect(legacy.statusCode).toBe(400);
    expect(await runs()).toEqual([]);
  });
});
