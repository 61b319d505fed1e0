import { type CommitState, type CommitStatus, commitStatusLabels, keyOf, kinds } from '@tagboat/api';
import { deterministicName, invalid } from '@tagboat/base';
import { applySpec } from '@tagboat/store';
import type { FastifyInstance } from 'fastify';
import { type Opened, pageHeaders, pageOf, type RestContext, repo } from './rest-context.ts';
import { combinedState, statusShape } from './shapes.ts';

const states: readonly CommitState[] = ['pending', 'success', 'failure', 'error', 'warning'];

/** Commit statuses: what the runs of a commit said, and what others report here. */
export function statusRoutes(app: FastifyInstance, context: RestContext): void {
  const statusesOf = async ({ namespace, name }: Opened, commit: string): Promise<CommitStatus[]> => {
    const { items } = await context.options.store.list<CommitStatus>(kinds.CommitStatus, {
      namespace,
      labels: [
        { key: commitStatusLabels.repository, operator: 'In', values: [name] },
        { key: commitStatusLabels.commit, operator: 'In', values: [commit.slice(0, 40)] },
      ],
    });
    return [...items].sort((a, b) => (b.spec?.updatedAt ?? '').localeCompare(a.spec?.updatedAt ?? ''));
  };
  app.get<{ Params: { ref: string } }>(`${repo}/commits/:ref/status`, async (request) => {
    const opened = await context.open(request);
    const sha = await opened.reader.resolve(request.params.ref);
    const statuses = await statusesOf(opened, sha);
    const { api } = opened.links;
    return {
      state: combinedState(statuses),
      sha,
      total_count: statuses.length,
      statuses: statuses.map((status) => statusShape(opened.links, status)),
      repository: { name: opened.name, full_name: `${opened.namespace}/${opened.name}`, url: api },
      commit_url: `${api}/git/commits/${sha}`,
      url: `${api}/commits/${sha}/status`,
    };
  });
  for (const path of [`${repo}/commits/:ref/statuses`, `${repo}/statuses/:ref`])
    app.get<{ Params: { ref: string } }>(path, async (request, reply) => {
      const opened = await context.open(request);
      const statuses = await statusesOf(opened, await opened.reader.resolve(request.params.ref));
      const page = pageOf(request.query);
      pageHeaders(reply, page, statuses.length);
      return statuses
        .slice(page.skip, page.skip + page.limit)
        .map((status) => statusShape(opened.links, status));
    });
  app.post<{
    Params: { ref: string };
    Body: { state?: string; context?: string; description?: string; target_url?: string };
  }>(`${repo}/statuses/:ref`, async (request, reply) => {
    const opened = await context.open(request);
    const commit = await opened.reader.resolve(request.params.ref);
    const { state, context: check = 'default', description, target_url } = request.body ?? {};
    if (!states.includes(state as CommitState))
      throw invalid(`expected a state ${states.join(', ')}, found "${state}"`);
    const status = statusFor(opened, {
      commit,
      context: check,
      state: state as CommitState,
      ...(description ? { description } : {}),
      ...(target_url ? { targetUrl: target_url } : {}),
      creator: context.options.userOf(request),
      updatedAt: context.options.now(),
    });
    const stored = await applySpec(context.options.store, keyOf(kinds.CommitStatus, status), status);
    return reply.code(201).send(statusShape(opened.links, stored));
  });
}

function statusFor(
  { namespace, name }: Opened,
  spec: Omit<NonNullable<CommitStatus['spec']>, 'repository'>,
): CommitStatus {
  return {
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'CommitStatus',
    metadata: {
      name: deterministicName(`${name}-${spec.context}`, [name, spec.commit, spec.context]),
      namespace,
      labels: {
        [commitStatusLabels.repository]: name,
        [commitStatusLabels.commit]: spec.commit.slice(0, 40),
      },
    },
    spec: { repository: name, ...spec },
  };
}
