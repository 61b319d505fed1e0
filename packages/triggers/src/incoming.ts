import { randomUUID, timingSafeEqual } from 'node:crypto';
import { type IncomingWebhook, kinds, type Repository } from '@tagboat/api';
import { describeError, invalid, notFound, sha256, TagboatError } from '@tagboat/base';
import type { FastifyInstance } from 'fastify';
import { secretValue } from './repository-settings.ts';
import { RunMaker, type TriggerOptions } from './run-maker.ts';
import { matchesGlobPattern } from './tekton/globs.ts';

interface IncomingRequest {
  readonly repository: string;
  readonly namespace?: string;
  readonly branch: string;
  readonly pipelinerun: string;
  readonly secret: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

interface Allowed {
  readonly repository: Repository;
  readonly webhook: IncomingWebhook;
}

/**
 * `POST /incoming` as Pipelines-as-Code has it: starts one run of `.tekton/` at the head of a branch, for whoever knows
 * the secret that `spec.incoming` of the repository names. The run is stored before the request is answered.
 * `options` undefined: the platform still starts.
 */
export async function incomingReceiver(
  app: FastifyInstance,
  options: () => TriggerOptions | undefined,
): Promise<void> {
  app.post('/incoming', { bodyLimit: 2 ** 20 }, async (request, reply) => {
    const current = options();
    if (!current) throw new TagboatError('the platform is starting', { reason: 'Unavailable' });
    const asked = requestOf(request.body);
    const allowed = await verify(current, asked);
    if (!allowed)
      return reply.code(403).send({
        message:
          'expected a repository (with its namespace, where several projects have one of that name), a branch and a secret that spec.incoming of it names',
      });
    const made = await start(current, allowed, asked);
    return reply.code(202).send({ status: 202, message: 'accepted', ...made });
  });
}

function requestOf(body: unknown): IncomingRequest {
  const given = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const missing = ['repository', 'branch', 'pipelinerun', 'secret'].filter(
    (name) => typeof given[name] !== 'string' || given[name] === '',
  );
  if (missing.length > 0)
    throw invalid(`expected ${missing.join(', ')} in the body`, {
      hint: 'post JSON, with content-type application/json; a secret in a URL ends up in logs and is not read',
    });
  const { params, namespace } = given;
  if (params !== undefined && (typeof params !== 'object' || params === null || Array.isArray(params)))
    throw invalid('expected params to be a map of names to values');
  if (namespace !== undefined && typeof namespace !== 'string')
    throw invalid('expected namespace to be text');
  return given as unknown as IncomingRequest;
}

/** The first rule for the branch, if its secret is the one that was sent; compared in constant time. */
async function verify(options: TriggerOptions, asked: IncomingRequest): Promise<Allowed | undefined> {
  const { store, log } = options;
  const { items } = await store.list<Repository>(
    kinds.Repository,
    asked.namespace ? { namespace: asked.namespace } : {},
  );
  const named = items.filter(({ metadata }) => metadata.name === asked.repository);
  const [repository] = named;
  const refused = (why: string) => {
    log.warn(`a request for ${asked.pipelinerun} of ${asked.repository} was refused: ${why}`);
    return undefined;
  };
  if (!repository || named.length > 1) return refused(`${named.length} repositories have this name`);
  const webhook = (repository.spec?.incoming ?? []).find(({ targets = [] }) =>
    targets.some((target) => matches(target, asked.branch)),
  );
  if (!webhook?.secret) return refused(`spec.incoming has no rule with a secret for ${asked.branch}`);
  if (webhook.type !== undefined && webhook.type !== 'webhook-url')
    return refused(`expected a type webhook-url, found "${webhook.type}"`);
  const secret = await secretValue(store, repository.metadata.namespace ?? '', webhook.secret).catch(
    (error: unknown) => refused(describeError(error)),
  );
  if (!secret) return undefined;
  const digest = (text: string) => Buffer.from(sha256(text));
  return timingSafeEqual(digest(secret), digest(asked.secret))
    ? { repository, webhook }
    : refused('the secret is another');
}

function matches(target: string, branch: string): boolean {
  if (target === branch) return true;
  try {
    return matchesGlobPattern(target, branch);
  } catch (error) {
    if (error instanceof TagboatError) return false;
    throw error;
  }
}

async function start(
  options: TriggerOptions,
  { repository, webhook }: Allowed,
  asked: IncomingRequest,
): Promise<{ runs: readonly string[] }> {
  const parameters: Record<string, string> = {};
  for (const [name, value] of Object.entries(asked.params ?? {})) {
    if (!webhook.params?.includes(name))
      throw invalid(`the parameter "${name}" is not one that spec.incoming of the repository lets in`);
    parameters[name] = typeof value === 'string' ? value : JSON.stringify(value);
  }
  const ref = `refs/heads/${asked.branch}`;
  const commit = repository.status?.refs?.[ref];
  if (!commit) throw notFound(`there is no branch "${asked.branch}"`);
  const made = await new RunMaker(options).make(
    {
      repository,
      mirror: await options.mirrorOf(repository),
      ref: { ref, commit, kind: 'branch', short: asked.branch },
      incoming: { id: randomUUID(), run: asked.pipelinerun, parameters },
    },
    { sequence: 0 },
  );
  if (made.runs.length === 0) throw notFound(`no run is called "${asked.pipelinerun}": ${made.reason}`);
  return { runs: made.runs };
}
