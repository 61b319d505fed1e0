import type { Readable } from 'node:stream';
import { notFound } from '@tagboat/base';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { media, readJson, unprocessable } from './lfs-body.ts';
import { type LfsLock, LfsLocks } from './lfs-locks.ts';

export interface LockRoutesOptions {
  /** The bare repository. @throws where it is not there or may not be written */
  readonly directory: (request: FastifyRequest, push: boolean) => Promise<string>;
  readonly userOf: (request: FastifyRequest) => string;
  readonly now: () => string;
}

const mostOnPage = 100;
const longestPath = 4096;

/** Git LFS' file locking API, version 1 (git-lfs docs/api/locking.md). */
export function lockRoutes(app: FastifyInstance, prefix: string, options: LockRoutesOptions): void {
  const locksOf = async (request: FastifyRequest, push: boolean) =>
    new LfsLocks(await options.directory(request, push));
  app.post(`${prefix}/locks`, async (request, reply) => {
    const locks = await locksOf(request, true);
    const { path } = (await readJson(request.body as Readable)) as { path?: unknown };
    if (typeof path !== 'string' || path === '' || path.length > longestPath)
      throw unprocessable('expected the path of a file');
    const answer = await locks.lock({ path, owner: options.userOf(request), at: options.now() });
    if (answer.kind === 'full') throw unprocessable('this repository takes no more locks');
    const taken = answer.kind === 'taken' ? { message: `already locked by ${answer.lock.owner.name}` } : {};
    return reply
      .code(answer.kind === 'made' ? 201 : 409)
      .type(media)
      .send(JSON.stringify({ lock: answer.lock, ...taken }));
  });
  app.get<{ Querystring: Record<string, string | undefined> }>(`${prefix}/locks`, async (request, reply) => {
    const { path, id, cursor, limit } = request.query;
    const found = (await (await locksOf(request, false)).all()).filter(
      (lock) => (path === undefined || lock.path === path) && (id === undefined || lock.id === id),
    );
    const { items, next } = pageOf(found, { cursor, limit });
    return reply.type(media).send(JSON.stringify({ locks: items, ...next }));
  });
  app.post(`${prefix}/locks/verify`, async (request, reply) => {
    const locks = await locksOf(request, true);
    const { cursor, limit } = (await readJson(request.body as Readable)) as Record<string, unknown>;
    const { items, next } = pageOf(await locks.all(), { cursor, limit });
    const user = options.userOf(request);
    const ours = items.filter(({ owner }) => owner.name === user);
    const theirs = items.filter(({ owner }) => owner.name !== user);
    return reply.type(media).send(JSON.stringify({ ours, theirs, ...next }));
  });
  app.post<{ Params: { id: string } }>(`${prefix}/locks/:id/unlock`, async (request, reply) => {
    const locks = await locksOf(request, true);
    const { force } = (await readJson(request.body as Readable)) as { force?: unknown };
    const owner = options.userOf(request);
    const answer = await locks.unlock(request.params.id, { owner, force: force === true });
    if (answer.kind === 'missing') throw notFound('there is no such lock');
    const refused = answer.kind === 'refused';
    const message = refused
      ? { message: `${answer.lock.owner.name} holds this lock; take it away with: git lfs unlock --force` }
      : {};
    return reply
      .code(refused ? 403 : 200)
      .type(media)
      .send(JSON.stringify({ lock: answer.lock, ...message }));
  });
}

/** A page from `cursor` on, which is a number of locks to leave out. */
function pageOf(
  locks: readonly LfsLock[],
  { cursor, limit }: { cursor: unknown; limit: unknown },
): { items: readonly LfsLock[]; next: { next_cursor?: string } } {
  const start = /^\d{1,6}$/.test(String(cursor ?? '')) ? Number(cursor) : 0;
  const wanted = Number(limit);
  const size = Number.isSafeInteger(wanted) && wanted > 0 ? Math.min(wanted, mostOnPage) : mostOnPage;
  const end = start + size;
  return { items: locks.slice(start, end), next: end < locks.length ? { next_cursor: String(end) } : {} };
}
