import {
  type CommitStatus,
  type KubernetesObject,
  kinds,
  type PipelineRun,
  type PipelinesAsCodeRepository,
  type Repository,
} from '@tagboat/api';
import { PlatformProcess, until, WorkingCopy } from '@tagboat/dev-env';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GiteaProcess, giteaProgram } from './gitea-process.ts';

const why = typeof giteaProgram === 'string' ? giteaProgram : undefined;
const namespace = 'team';
const pipeline = `apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  name: ci
  annotations:
    pipelinesascode.tekton.dev/on-event: "[push, pull_request]"
    pipelinesascode.tekton.dev/on-target-branch: "[main, refs/tags/*]"
spec:
  pipelineSpec:
    tasks: [{ name: say, taskSpec: { steps: [{ name: say, image: alpine, script: "echo {{ company }} {{ revision }}" }] } }]
`;

describe.skipIf(why !== undefined)(`with the real Gitea${why ? ` (skipped: ${why})` : ''}`, () => {
  let gitea: GiteaProcess;
  let platform: PlatformProcess;
  beforeAll(async () => {
    // A host with an engine would run what is to wait for one here.
    platform = await PlatformProcess.start({ environment: { DOCKER_HOST: 'unix:///nowhere/docker.sock' } });
    gitea = await GiteaProcess.start(giteaProgram as Exclude<typeof giteaProgram, string>);
    for (const person of ['ada', 'bob', 'carol']) await gitea.person(person, { admin: person === 'ada' });
  }, 120_000);
  afterAll(async () => {
    await platform?.[Symbol.asyncDispose]();
    await gitea?.[Symbol.asyncDispose]();
  });

  const hook = (secret: string) =>
    gitea.ask<{ id: number }>('ada', 'POST', '/repos/acme/app/hooks', {
      type: 'gitea',
      active: true,
      events: [
        'push',
        'create',
        'pull_request',
        'pull_request_sync',
        'issue_comment',
        'pull_request_comment',
      ],
      config: { url: `${platform.url}/webhooks`, content_type: 'json', secret },
    });
  const run = async (tag: string) =>
    until<PipelineRun>(
      await platform.client(),
      { type: kinds.PipelineRun, namespace, what: `a run of ${tag}`, timeout: 60_000 },
      ({ metadata }) => metadata.annotations?.['tagboat.dev/tag'] === tag,
    );
  /** Waits until Gitea was told, and asks it what it knows. */
  async function told(commit: string, context: string, state: string) {
    await until<CommitStatus>(
      await platform.client(),
      { type: kinds.CommitStatus, namespace, what: `${context} ${state}`, timeout: 60_000 },
      ({ spec, status }) =>
        spec?.commit === commit &&
        spec.context === context &&
        spec.state === state &&
        status?.reported?.state === state,
    );
    const statuses = await gitea.ask<{ context: string; status: string; description: string }[]>(
      'bob',
      'GET',
      `/repos/acme/app/commits/${commit}/statuses`,
    );
    return statuses.filter((item) => item.context === context);
  }

  test('a Repository of Pipelines-as-Code follows it: pushes, tags, a stranger, a team, wrong and missed webhooks', {
    timeout: 180_000,
  }, async () => {
    const client = await platform.client();
    await gitea.ask('ada', 'POST', '/orgs', { username: 'acme' });
    await gitea.ask('ada', 'POST', '/orgs/acme/repos', {
      name: 'app',
      auto_init: false,
      default_branch: 'main',
    });
    const team = await gitea.ask<{ id: number }>('ada', 'POST', '/orgs/acme/teams', {
      name: 'ci-admins',
      permission: 'read',
      units: ['repo.code', 'repo.pulls', 'repo.issues'],
    });
    await gitea.ask('ada', 'PUT', `/teams/${team.id}/members/carol`);
    await gitea.ask('ada', 'PUT', `/teams/${team.id}/repos/acme/app`);
    const { sha1 } = await gitea.ask<{ sha1: string }>('ada', 'POST', '/users/ada/tokens', {
      name: 'ci',
      scopes: ['write:repository', 'write:issue', 'read:user', 'read:organization'],
    });
    await using copy = await WorkingCopy.create(async () => gitea.gitUrl('ada', 'acme/app'), {
      '.tekton/ci.yaml': pipeline,
    });
    await copy.commit('one');
    await copy.push('HEAD:refs/heads/main');

    await client.create(kinds.Namespace, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace },
    });
    const encoded = (text: string) => Buffer.from(text).toString('base64');
    await client.create(kinds.Secret, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'gitea', namespace },
      data: { 'provider.token': encoded(sha1), 'webhook.secret': encoded('signed') },
    } as KubernetesObject);
    await client.create<PipelinesAsCodeRepository>(kinds.PipelinesAsCodeRepository, {
      apiVersion: 'pipelinesascode.tekton.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name: 'app', namespace },
      spec: {
        url: `${gitea.url}/acme/app`,
        git_provider: {
          type: 'gitea',
          url: gitea.url,
          secret: { name: 'gitea' },
          webhook_secret: { name: 'gitea' },
        },
        settings: { policy: { ok_to_test: ['ci-admins'], pull_request: ['ci-admins'] } },
        params: [{ name: 'company', value: 'ACME' }],
      },
    });
    const repository = (what: string, holds: (found: Repository) => boolean) =>
      until<Repository>(client, { type: kinds.Repository, namespace, what, timeout: 60_000 }, holds);
    await repository('the team', ({ status }) => status?.teams?.['ci-admins']?.[0] === 'carol');
    await repository(
      'the first look',
      ({ metadata }) => metadata.annotations?.['tagboat.dev/initial-refs'] !== undefined,
    );
    // From now on nothing is looked at by itself within the time of the test.
    await client.patch(
      { type: kinds.Repository, namespace, name: 'app' },
      { spec: { intervalSeconds: 3600 } },
    );

    const good = await hook('signed');
    const head = await copy.commit('two');
    await copy.push('HEAD:refs/heads/main');
    expect((await told(head, 'tagboat/check/ci', 'success')).some(({ status }) => status === 'success')).toBe(
      true,
    );
    await copy.ship('v1');
    await run('v1');
    await until<PipelinesAsCodeRepository>(
      client,
      { type: kinds.PipelinesAsCodeRepository, namespace, what: 'its pipelinerun_status', timeout: 60_000 },
      ({ pipelinerun_status: runs = [] }) => runs.some(({ sha }) => sha === head),
    );

    await gitea.ask('bob', 'POST', '/repos/acme/app/forks', { name: 'app' });
    await copy.write({ 'theirs.txt': 'x' });
    const theirs = await copy.commit('from outside');
    await copy.git('push', '--quiet', gitea.gitUrl('bob', 'bob/app'), 'HEAD:refs/heads/theirs');
    await gitea.ask('bob', 'POST', '/repos/acme/app/pulls', {
      title: 'theirs',
      head: 'bob:theirs',
      base: 'main',
    });
    await told(theirs, 'tagboat/approval', 'pending');
    const comment = (person: string, body: string) =>
      gitea.ask(person, 'POST', '/repos/acme/app/issues/1/comments', { body });
    await comment('bob', `/ok-to-test ${theirs.slice(0, 10)}`);
    await comment('carol', `/ok-to-test ${theirs.slice(0, 10)}`);
    await told(theirs, 'tagboat/approval', 'success');
    expect((await run('pr-1')).metadata.labels?.['tagboat.dev/untrusted']).toBe('true');
    const waits = await until<CommitStatus>(
      client,
      { type: kinds.CommitStatus, namespace, what: 'what it waits for', timeout: 60_000 },
      ({ spec }) => spec?.commit === theirs && /waits: .*container engine/.test(spec.description ?? ''),
    );
    expect(waits.spec?.state).toBe('pending');

    await gitea.ask('ada', 'DELETE', `/repos/acme/app/hooks/${good.id}`);
    await hook('another');
    await copy.ship('v2');
    // Found by looking, though its webhook was signed with another secret.
    await client.patch({ type: kinds.Repository, namespace, name: 'app' }, { spec: { intervalSeconds: 2 } });
    await run('v2');
  });
});
