import { statfs } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { describeError, httpStatusOf, type Logger, notFound, TagboatError } from '@tagboat/base';
import { git, gitEnvironment } from '@tagboat/git-client';
import { type PipedProcess, startPiped } from '@tagboat/process';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type LfsObject, lfsRoutes } from './lfs.ts';
import { answerProposals, type Proposal, type ProposalOutcome, pushNoteVariable } from './proc-receive.ts';

export interface SmartHttpOptions {
  /** The bare repository on disk, or undefined where there is none. `push`: somebody wants to push to it. */
  readonly open: (
    namespace: string,
    name: string,
    asked: { push: boolean; request: FastifyRequest },
  ) => Promise<string | undefined>;
  /** Pushes to `refs/for/...`: changes that are proposed, not made. Absent: they are refused. */
  readonly proposals?: {
    /** What a person is told who pushed a branch or tag. */
    readonly note?: (namespace: string, name: string) => string;
    /** The directory with the hooks. */
    readonly hooks: () => Promise<string>;
    readonly propose: (about: ProposedTo, proposal: Proposal) => Promise<readonly ProposalOutcome[]>;
  };
  /** Who asks, as locks name them; absent: everybody is one. */
  readonly userOf?: (request: FastifyRequest) => string;
  /** Fetches Git LFS objects that are not here into the clone of an outside repository, as far as they are there. */
  readonly fetchLfs?: (namespace: string, name: string, objects: readonly LfsObject[]) => Promise<void>;
  /** Called when a push has ended. */
  readonly pushed: (namespace: string, name: string) => Promise<void>;
  readonly log: Logger;
  /** Bytes that are free where a directory is; default: asks the file system. */
  readonly freeBytes?: (directory: string) => Promise<number>;
}

export interface ProposedTo {
  readonly namespace: string;
  readonly name: string;
  readonly directory: string;
  readonly request: FastifyRequest;
}

interface Params {
  namespace: string;
  repository: string;
}

/** git's smart HTTP protocol (Documentation/gitprotocol-http) by the real `git upload-pack` and `receive-pack`. */
export async function smartHttp(app: FastifyInstance, options: SmartHttpOptions): Promise<void> {
  // Bodies are streamed to git as they come.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.setErrorHandler((error, request, reply) => {
    const message = describeError(error);
    return request.url.includes('/info/lfs/')
      ? reply.code(httpStatusOf(error)).type('application/vnd.git-lfs+json').send(JSON.stringify({ message }))
      : reply.code(httpStatusOf(error)).type('text/plain').send(`${message}\n`);
  });
  lfsRoutes(app, options);
  app.get<{ Params: Params; Querystring: { service?: string } }>(
    '/:namespace/:repository/info/refs',
    async (request, reply) => {
      const service = /^git-(upload-pack|receive-pack)$/.exec(request.query.service ?? '')?.[1];
      if (!service)
        return reply.code(403).send('only the smart protocol is served here: use git 1.6.6 or later\n');
      const directory = await find(request, service, options);
      // Here, because git shows a person what is answered to this request alone.
      if (service === 'receive-pack') await refuseWhereFull(directory, options);
      const words = await wordsFor({ request, directory, service, args: ['--advertise-refs'] }, options);
      const { stdout } = await git(words, { environment: protocolOf(request) });
      const head = `# service=git-${service}\n`;
      const length = (head.length + 4).toString(16).padStart(4, '0');
      return reply
        .header('cache-control', 'no-cache')
        .type(`application/x-git-${service}-advertisement`)
        .send(Buffer.concat([Buffer.from(`${length}${head}0000`), stdout]));
    },
  );
  for (const service of ['upload-pack', 'receive-pack'])
    app.post<{ Params: Params }>(`/:namespace/:repository/git-${service}`, async (request, reply) => {
      const directory = await find(request, service, options);
      start(reply, `application/x-git-${service}-result`);
      await serve({ request, reply, directory, service, args: [] }, options, async () => {
        if (service === 'receive-pack')
          await options.pushed(request.params.namespace, plain(request.params.repository));
      });
      return reply;
    });
}

const plain = (repository: string) => repository.replace(/\.git$/, '');

async function find(request: FastifyRequest, service: string, options: SmartHttpOptions): Promise<string> {
  const params = request.params as Params;
  const name = plain(params.repository);
  const directory = await options.open(params.namespace, name, {
    push: service === 'receive-pack',
    request,
  });
  if (!directory) throw notFound(`there is no repository ${params.namespace}/${name}`);
  return directory;
}

/** Less than the smallest push needs, with the log of its references. */
const leastSpace = 2 ** 20;

/** @throws `DiskFull` */
async function refuseWhereFull(directory: string, { freeBytes = spaceOf }: SmartHttpOptions): Promise<void> {
  if ((await freeBytes(directory)) < leastSpace)
    throw new TagboatError('nothing can be pushed: the disk that holds the repository is full', {
      reason: 'DiskFull',
      hint: 'free some space where TAGBOAT_HOME is, and push again',
    });
}

async function spaceOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

function start(reply: FastifyReply, type: string): void {
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' });
}

const noteFor = (request: FastifyRequest, { proposals }: SmartHttpOptions): string => {
  const { namespace, repository } = request.params as Params;
  return proposals?.note?.(namespace, plain(repository)) ?? '';
};

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly directory: string;
  readonly service: string;
  readonly args: readonly string[];
}

/** What git is told besides, by `git -c`. Heads of pull requests are seen by who fetches, and moved by nobody. */
async function settingsFor(service: string, options: SmartHttpOptions): Promise<string[]> {
  if (service !== 'receive-pack') return [];
  const settings = ['receive.hideRefs=refs/pull'];
  if (options.proposals)
    settings.push('receive.procReceiveRefs=refs/for', `core.hooksPath=${await options.proposals.hooks()}`);
  else settings.push('receive.hideRefs=refs/for');
  return settings.flatMap((setting) => ['-c', setting]);
}

async function wordsFor(
  { service, args, directory }: Omit<Exchange, 'reply'>,
  options: SmartHttpOptions,
): Promise<string[]> {
  return [...(await settingsFor(service, options)), service, '--stateless-rpc', ...args, directory];
}

function protocolOf({ headers }: FastifyRequest): Record<string, string> {
  const protocol = headers['git-protocol'];
  return typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {};
}

async function serve(
  exchange: Exchange,
  options: SmartHttpOptions,
  finished?: () => Promise<void>,
): Promise<void> {
  const { request, reply, directory, service } = exchange;
  const { log } = options;
  const child = await startGit(exchange, options).catch((error: unknown) => {
    log.error(`git ${service} cannot be started: ${describeError(error)}`, { directory });
  });
  if (!child) return void reply.raw.destroy();
  const [stdin, stdout, stderr] = child.pipes as [Duplex, Duplex, Duplex];
  const proposing = takeProposals(exchange, child, options);
  let errors = '';
  stderr.on('data', (data: Buffer) => {
    errors = (errors + data.toString('utf8')).slice(-4000);
  });
  if (reply.raw.destroyed) child.signal('SIGTERM');
  else reply.raw.on('close', () => child.signal('SIGTERM'));
  pipeline(bodyOf(request), stdin).catch((error: unknown) => log.debug('a git client went away', { error }));
  stdout.pipe(reply.raw, { end: false });
  const { code } = await child.ended;
  await proposing;
  if (code !== 0) log.warn(`git ${service} ended with code ${code}: ${errors.trim()}`, { directory });
  try {
    await finished?.();
  } catch (error) {
    log.error(`after a push: ${describeError(error)}`, { directory });
  }
  reply.raw.end();
}

/** Its descriptors 3, 4 and 5 are for the hook. */
async function startGit(exchange: Exchange, options: SmartHttpOptions): Promise<PipedProcess> {
  const { request } = exchange;
  return startPiped({
    file: 'git',
    args: await wordsFor(exchange, options),
    env: gitEnvironment({
      environment: { ...protocolOf(request), [pushNoteVariable]: noteFor(request, options) },
    }),
    descriptors: ['in', 'out', 'out', 'out', 'in', 'in'],
  });
}

/** Answers the hook while git runs; its pipes are descriptors 3, 4 and 5 of git and of what git starts. */
async function takeProposals(
  { request, directory }: Exchange,
  child: PipedProcess,
  { proposals, log }: SmartHttpOptions,
): Promise<void> {
  const [fromHook, toHook, toPerson] = child.pipes.slice(3) as [Duplex, Duplex, Duplex];
  for (const pipe of [toHook, toPerson, fromHook])
    pipe.on('error', (error) => log.debug('a hook went away', { error }));
  const params = request.params as Params;
  const about = { namespace: params.namespace, name: plain(params.repository), directory, request };
  try {
    await answerProposals({ fromHook, toHook, toPerson }, async (proposal) =>
      proposals ? proposals.propose(about, proposal) : [],
    );
  } catch (error) {
    log.error(`a proposed change was not taken: ${describeError(error)}`, { directory });
  }
}

function bodyOf(request: FastifyRequest): NodeJS.ReadableStream {
  const raw = request.body as IncomingMessage;
  return request.headers['content-encoding'] === 'gzip' ? raw.pipe(createGunzip()) : raw;
}
