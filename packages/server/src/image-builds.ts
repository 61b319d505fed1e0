import { PassThrough, type Readable } from 'node:stream';
import { describeError, invalid } from '@tagboat/base';
import { buildByEngine, type ImageBuild } from '@tagboat/node';
import type { FastifyInstance } from 'fastify';

interface Query {
  readonly image?: string;
  readonly tag?: string | string[];
  readonly file?: string;
}

/** Milliseconds between signs of life, for a build that says nothing for long. */
const sign = 30_000;
/** Characters of a line that are passed on. */
const longest = 8000;

/**
 * `POST /image-builds/<project>?image=&tag=&file=`: the engine of this machine builds an image from the tar archive in
 * the body and pushes it, with the login in `X-Registry-Auth` (base64 of JSON, as in the Docker API). Steps ask for it,
 * so that none of them reaches the engine itself, which would give it the whole machine.
 * The answer is JSON lines: `{line}` each, the last `{}` or `{error}`.
 */
export function imageBuildRoutes(scope: FastifyInstance): void {
  scope.addContentTypeParser('application/x-tar', (_request, payload, done) => done(null, payload));
  scope.post<{ Params: { project: string }; Querystring: Query; Body: Readable }>(
    '/image-builds/:project',
    async (request, reply) => {
      const { image, file, tag = [] } = request.query;
      const tags = [tag].flat();
      if (!image?.includes('/') || !file || tags.length === 0)
        throw invalid('expected image, tag and file in the query');
      const stopped = new AbortController();
      reply.raw.once('close', () => stopped.abort());
      const answer = new PassThrough();
      const write = (value: object) => answer.writable && answer.write(`${JSON.stringify(value)}\n`);
      const login = loginOf(request.headers['x-registry-auth']);
      const build = {
        ...{ context: request.body, file, image, tags, signal: stopped.signal },
        project: request.params.project,
        ...(login ? { login } : {}),
        say: (line: string) => write({ line: line.slice(0, longest) }),
      };
      void answerBuild(build, write).finally(() => answer.end());
      return reply.type('application/x-ndjson').send(answer);
    },
  );
}

async function answerBuild(build: ImageBuild, write: (value: object) => void): Promise<void> {
  const timer = setInterval(() => write({ line: '' }), sign);
  try {
    write({ line: `the container engine of this machine builds ${build.image}` });
    await buildByEngine(build);
    write({});
  } catch (error) {
    write({ error: describeError(error) });
  } finally {
    clearInterval(timer);
  }
}

/** @throws `Invalid` */
export function loginOf(header: string | string[] | undefined): ImageBuild['login'] {
  if (typeof header !== 'string') return undefined;
  let login: unknown;
  try {
    login = JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
  } catch {
    login = undefined;
  }
  if (typeof login !== 'object' || login === null)
    throw invalid('expected X-Registry-Auth to be {"username": ..., "password": ...} in base64');
  const { username = '', password = '' } = login as Record<string, unknown>;
  return { username: String(username), password: String(password) };
}
