import { kinds, type Repository } from '@tagboat/api';
import { describeError, type Logger, TagboatError } from '@tagboat/base';
import type { Reader } from '@tagboat/store';
import type { FastifyInstance } from 'fastify';
import { forgeNameOf, forgeSpecOf, forgeTypes, webhookSecretOf } from './forge.ts';

export interface WebhookOptions {
  readonly reader: Reader;
  readonly log: Logger;
  /** Looks at a repository, now. */
  readonly look: (namespace: string, name: string) => void;
}

/** GitHub sends at most this much. */
const largestBody = 25 * 2 ** 20;

/**
 * Takes webhooks of GitHub, GitLab and Gitea at `/<project>/<repository>`. Only what is signed with the secret that the
 * repository names is taken, and all that it does is to make us look sooner.
 */
export async function webhookReceiver(app: FastifyInstance, options: WebhookOptions): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: largestBody }, (_request, body, done) =>
    done(null, body),
  );
  app.post<{ Params: { project: string; repository: string } }>(
    '/:project/:repository',
    { bodyLimit: largestBody },
    async (request, reply) => {
      const { project, repository: name } = request.params;
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([key, value]) => [key, Array.isArray(value) ? value[0] : value]),
      );
      const verified = await verify(options, { project, name, headers, body });
      // The same answer whether the repository, its secret or the signature is missing.
      if (!verified) return reply.code(403).send({ message: 'the signature is missing or wrong' });
      options.look(project, name);
      return reply.code(202).send({ message: 'looked at' });
    },
  );
}

async function verify(
  { reader, log }: WebhookOptions,
  about: {
    project: string;
    name: string;
    headers: Record<string, string | undefined>;
    body: Buffer;
  },
): Promise<boolean> {
  const { project, name, headers, body } = about;
  try {
    const repository = await reader.get<Repository>({ type: kinds.Repository, namespace: project, name });
    if (!repository || !forgeSpecOf(repository)) return false;
    const secret = await webhookSecretOf(reader, repository);
    if (!secret) {
      log.warn(`a webhook for ${project}/${name} was not taken: the repository names no webhookSecret`);
      return false;
    }
    return forgeTypes[forgeNameOf(repository)].verifies({ headers, body }, secret);
  } catch (error) {
    if (!(error instanceof TagboatError)) throw error;
    log.warn(`a webhook for ${project}/${name} was not taken: ${describeError(error)}`);
    return false;
  }
}
