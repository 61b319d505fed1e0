import { findCondition, kinds, type Repository } from '@tagboat/api';
import { delay, isReason, systemClock, TagboatError } from '@tagboat/base';
import { checkUrl } from '@tagboat/git-client';
import { defineCommand } from 'citty';
import { say } from '../output.ts';
import { connect } from '../session.ts';

export default defineCommand({
  meta: { name: 'connect', description: 'Follows a repository of another git server: its new tags run here' },
  args: {
    url: { type: 'positional', required: true, description: 'a git URL' },
    project: {
      type: 'string',
      alias: 'p',
      description: 'the project (a namespace); default: the repository',
    },
    secret: { type: 'string', description: 'a Secret with username and password, or token' },
    interval: { type: 'string', default: '60', description: 'seconds between looks' },
  },
  async run({ args }) {
    const client = await connect();
    const url = checkUrl(args.url);
    const name = (url.replace(/\/+$/, '').split(/[/:]/).at(-1) ?? 'repository')
      .replace(/\.git$/, '')
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-');
    const project = args.project ?? name;
    const repository: Repository = {
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Repository',
      metadata: { name, namespace: project },
      spec: {
        url,
        role: 'source',
        intervalSeconds: Number(args.interval),
        ...(args.secret ? { credentialsFrom: { secretName: args.secret } } : {}),
      },
    };
    const key = { type: kinds.Repository, namespace: project, name };
    await client
      .create(kinds.Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: project } })
      .catch(existing);
    await client.create(kinds.Repository, repository).catch(async (error: unknown) => {
      existing(error);
      await client.patch(key, { spec: repository.spec });
    });
    const end = systemClock.monotonic() + 30_000;
    while (systemClock.monotonic() < end) {
      const status = (await client.get<Repository>(key))?.status;
      const ready = findCondition(status?.conditions, 'Ready');
      if (ready?.status === 'False')
        throw new TagboatError(ready.message ?? 'cannot read it', { reason: ready.reason ?? 'Failed' });
      if (ready?.status === 'True') {
        const refs = Object.keys(status?.refs ?? {});
        const tags = refs.filter((ref) => ref.startsWith('refs/tags/')).length;
        say(
          `${project}/${name} follows ${url}: ${refs.length - tags} branches, and ${tags} tags that are known and not run; the next new tag runs`,
        );
        return;
      }
      await delay(systemClock, 200);
    }
    throw new TagboatError(`${url} was not read within 30 s`, {
      reason: 'Timeout',
      hint: 'see: tagboat status',
    });
  },
});

function existing(error: unknown): void {
  if (!isReason(error, 'AlreadyExists')) throw error;
}
