import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import { notFound } from '@tagboat/base';
import { gitEnvironment, largestPointer, parseLfsPointer } from '@tagboat/git-client';
import { signalGroup, tiedToParent } from '@tagboat/process';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendObject } from '../lfs.ts';
import { LfsStore } from '../lfs-store.ts';
import { checkPath, type TreeEntry } from './git-reader.ts';
import { type Opened, pageOf, queryOf, type RestContext, repo, restOf } from './rest-context.ts';
import { contentsShape, treeEntryShape } from './shapes.ts';

/** A file's content is in JSON up to this size, as with Gitea's default; `raw` gives any size. */
export const largestContent = 10 * 2 ** 20;
const entriesPerPage = 1000;

/** Files and directories at a commit. */
export function contentRoutes(app: FastifyInstance, context: RestContext): void {
  const contents = async (request: FastifyRequest, path: string) => {
    const opened = await context.open(request);
    const at = await commitOf(opened, request);
    return read(opened, { path: checkPath(path.replace(/\/$/, '')), ...at });
  };
  app.get(`${repo}/contents`, (request) => contents(request, ''));
  app.get(`${repo}/contents/*`, (request) => contents(request, restOf(request)));
  app.get(`${repo}/raw/*`, async (request, reply) => {
    const opened = await context.open(request);
    const { commit } = await commitOf(opened, request);
    const path = checkPath(restOf(request));
    const entry = await opened.reader.entry(commit, path);
    if (entry?.type !== 'blob') throw notFound(`there is no file "${path}" at ${commit.slice(0, 10)}`);
    return sendBlob(opened, { request, reply, entry });
  });
  app.get(`${repo}/media/*`, async (request, reply) => {
    const opened = await context.open(request);
    const { commit } = await commitOf(opened, request);
    const path = checkPath(restOf(request));
    const entry = await opened.reader.entry(commit, path);
    if (entry?.type !== 'blob') throw notFound(`there is no file "${path}" at ${commit.slice(0, 10)}`);
    const pointer =
      entry.size <= largestPointer
        ? parseLfsPointer((await opened.reader.blob(entry.id, largestPointer)).toString('utf8'))
        : undefined;
    return pointer
      ? sendObject(new LfsStore(opened.reader.directory), pointer.oid, { request, reply })
      : sendBlob(opened, { request, reply, entry });
  });
  app.get<{ Params: { sha: string } }>(`${repo}/git/trees/:sha`, async (request) => {
    const { reader, links } = await context.open(request);
    const { sha } = request.params;
    const id = (await reader.find(sha)) ?? sha;
    if (!/^[0-9a-f]{40,64}$/.test(id)) throw notFound(`there is no tree "${sha}"`);
    const page = pageOf(request.query, { limit: entriesPerPage, most: 10_000 });
    const recursive = ['true', '1'].includes(queryOf(request).recursive ?? '');
    const entries = await reader.tree(id, recursive).catch(() => {
      throw notFound(`there is no tree "${sha}"`);
    });
    return {
      sha: id,
      url: `${links.api}/git/trees/${id}`,
      tree: entries.slice(page.skip, page.skip + page.limit).map((entry) => treeEntryShape(links, entry)),
      truncated: entries.length > page.skip + page.limit,
      page: page.page,
      total_count: entries.length,
    };
  });
  app.get<{ Params: { sha: string } }>(`${repo}/git/blobs/:sha`, async (request) => {
    const { reader, links } = await context.open(request);
    const { sha } = request.params;
    const size = await sizeOf({ reader }, sha);
    const content = size > largestContent ? null : (await reader.blob(sha, size)).toString('base64');
    return { sha, size, url: `${links.api}/git/blobs/${sha}`, encoding: 'base64', content };
  });
}

async function commitOf({ reader, repository }: Opened, request: FastifyRequest) {
  const ref = queryOf(request).ref || repository.status?.defaultBranch || 'HEAD';
  return { ref, commit: await reader.resolve(ref) };
}

async function sizeOf({ reader }: Pick<Opened, 'reader'>, sha: string): Promise<number> {
  if (!/^[0-9a-f]{40,64}$/.test(sha)) throw notFound(`there is no blob "${sha}"`);
  const type = await reader.run(['cat-file', '-t', sha]).catch(() => Buffer.alloc(0));
  if (type.toString('utf8').trim() !== 'blob') throw notFound(`there is no blob "${sha}"`);
  return Number((await reader.run(['cat-file', '-s', sha])).toString('utf8'));
}

async function read(
  { reader, links }: Opened,
  { path, ref, commit }: { path: string; ref: string; commit: string },
) {
  const entry = path === '' ? undefined : await reader.entry(commit, path);
  if (path !== '' && !entry) throw notFound(`there is no "${path}" at "${ref}"`);
  if (entry && entry.type !== 'tree') {
    const wanted = entry.type === 'blob' && entry.size <= largestContent;
    const content = wanted ? await reader.blob(entry.id, entry.size) : undefined;
    const [last] = await reader.log([commit], { path, limit: 1 });
    return {
      ...contentsShape(links, entry, { ref, content }),
      last_commit_sha: last?.id ?? null,
      last_committer_date: last?.committer.date ?? null,
    };
  }
  const entries = await reader.tree(entry?.id ?? commit);
  return entries.map((item) =>
    contentsShape(links, { ...item, path: path === '' ? item.path : `${path}/${item.path}` }, { ref }),
  );
}

const images: Readonly<Record<string, string>> = {
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.svg': 'image/svg+xml',
};

/** Streams a blob of any size; what it holds can never act as a page of this origin. */
export function sendBlob(
  { reader }: Pick<Opened, 'reader'>,
  { request, reply, entry }: { request: FastifyRequest; reply: FastifyReply; entry: TreeEntry },
): FastifyReply {
  reply
    .header('etag', `"${entry.id}"`)
    .header('x-content-type-options', 'nosniff')
    .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox")
    .header('cache-control', 'private, no-cache');
  if (request.headers['if-none-match'] === `"${entry.id}"`) return reply.code(304).send();
  reply
    .type(images[extname(entry.path).toLowerCase()] ?? 'text/plain; charset=utf-8')
    .header('content-length', entry.size);
  const [file, words] = tiedToParent('git', ['cat-file', 'blob', entry.id]);
  const child = spawn(file, words, {
    cwd: reader.directory,
    env: gitEnvironment(),
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  child.on('error', (error) => reply.raw.destroy(error));
  reply.raw.on('close', () => {
    // Once it is reaped its number may be another process's.
    if (child.exitCode === null && child.signalCode === null) signalGroup(child, 'SIGTERM');
  });
  return reply.send(child.stdout);
}
