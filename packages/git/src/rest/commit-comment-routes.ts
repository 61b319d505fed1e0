import { randomUUID } from 'node:crypto';
import { type CommitComment, commitStatusLabels, kinds } from '@tagboat/api';
import { deterministicName, invalid } from '@tagboat/base';
import type { FastifyInstance } from 'fastify';
import { type Opened, pageHeaders, pageOf, type RestContext, repo } from './rest-context.ts';

const longestBody = 65_536;

/** Comments on commits, shaped as GitHub's: Gitea has none. A line `/test`, `/retest` or `/cancel` asks for runs. */
export function commitCommentRoutes(app: FastifyInstance, context: RestContext): void {
  const { store, userOf, now } = context.options;
  app.get<{ Params: { ref: string } }>(`${repo}/commits/:ref/comments`, async (request, reply) => {
    const opened = await context.open(request);
    const commit = await opened.reader.resolve(request.params.ref);
    const { items } = await store.list<CommitComment>(kinds.CommitComment, {
      namespace: opened.namespace,
      labels: [
        { key: commitStatusLabels.repository, operator: 'In', values: [opened.name] },
        { key: commitStatusLabels.commit, operator: 'In', values: [commit.slice(0, 40)] },
      ],
    });
    const page = pageOf(request.query);
    pageHeaders(reply, page, items.length);
    const at = ({ spec }: CommitComment) => spec?.createdAt ?? '';
    return [...items]
      .sort((a, b) => at(a).localeCompare(at(b)))
      .slice(page.skip, page.skip + page.limit)
      .map(shapeOf);
  });
  app.post<{ Params: { ref: string }; Body: { body?: string } }>(
    `${repo}/commits/:ref/comments`,
    async (request, reply) => {
      const opened = await context.open(request);
      const commit = await opened.reader.resolve(request.params.ref);
      const body = request.body?.body?.trim();
      if (!body) throw invalid('expected a comment in "body"');
      if (body.length > longestBody) throw invalid(`expected at most ${longestBody} characters`);
      const author = userOf(request);
      const made = await store.create(
        commentOf(opened, { commit, body, author, createdAt: now(), trusted: true }),
      );
      return reply.code(201).send(shapeOf(made));
    },
  );
}

function commentOf(
  { namespace, name }: Opened,
  spec: Omit<NonNullable<CommitComment['spec']>, 'repository'>,
): CommitComment {
  return {
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'CommitComment',
    metadata: {
      name: deterministicName(`${name}-${spec.commit.slice(0, 10)}`, [name, spec.commit, randomUUID()]),
      namespace,
      labels: {
        [commitStatusLabels.repository]: name,
        [commitStatusLabels.commit]: spec.commit.slice(0, 40),
      },
    },
    spec: { repository: name, ...spec },
  };
}

/** With what came of it, which GitHub tells of nowhere. */
const shapeOf = ({ metadata, spec, status }: CommitComment) => ({
  id: metadata.name,
  commit_id: spec?.commit,
  body: spec?.body,
  user: { login: spec?.author },
  created_at: spec?.createdAt,
  handled: status?.handledAt !== undefined,
  runs: status?.pipelineRuns ?? [],
  ...(status?.reason ? { reason: status.reason } : {}),
});
