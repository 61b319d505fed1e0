import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isNavigation, isProtocolPath } from './origin.ts';

interface ConsoleFile {
  readonly type: string;
  readonly identity: Buffer;
  readonly br?: Buffer;
  readonly gzip?: Buffer;
}

interface Build {
  readonly files: ReadonlyMap<string, ConsoleFile>;
  /** Of index.html, which a build writes last. */
  readonly changed: number;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
};

/** Whether a request is for the console itself, which anybody may load: its data needs the owner. */
export function isConsolePage(request: FastifyRequest): boolean {
  return ['GET', 'HEAD'].includes(request.method) && (isAsset(pathOf(request)) || wantsPage(request));
}

const isAsset = (path: string) => /^\/(assets\/[\w.-]+|favicon\.svg|theme\.js)$/.test(path);

const wantsPage = (request: FastifyRequest) => !isProtocolPath(pathOf(request)) && isNavigation(request);

const pathOf = (request: FastifyRequest) => request.url.split('?')[0]!;

/** The console may load nothing from elsewhere and run no script but its own; `frames`: origins whose pages it may show. */
export function contentSecurityPolicy(frames: readonly string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    ['frame-src', "'self'", ...frames].join(' '),
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

export interface ConsoleOptions {
  /** Where the build is. */
  readonly directory: string;
  readonly appsUrl: () => string;
}

/** Serves the console's build: assets for ever, every other path that asks for a page with its index. */
export function serveConsole(app: FastifyInstance, options: ConsoleOptions): void {
  let build: Build | undefined;
  const current = async () => {
    build = await readBuild(options.directory, build);
    return build;
  };
  for (const path of ['/assets/*', '/favicon.svg', '/theme.js'])
    app.get(path, async (request, reply) => {
      const file = (build ?? (await current()))?.files.get(pathOf(request));
      if (!file) return reply.code(404).type('text/plain').send('there is no such file\n');
      const immutable = path === '/assets/*';
      reply.header('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
      return send(request, reply, file);
    });
  app.setNotFoundHandler(async (request, reply) => {
    if (!isConsolePage(request))
      return pathOf(request) === '/'
        ? reply.type('text/plain').send('Tagboat. Ask it with: tagboat status, or kubectl.\n')
        : reply.code(404).type('text/plain').send('there is nothing here\n');
    const index = (await current())?.files.get('/index.html');
    reply
      .header('cache-control', 'no-cache')
      .header('content-security-policy', contentSecurityPolicy([options.appsUrl()]))
      .header('referrer-policy', 'same-origin');
    return index ? send(request, reply, index) : reply.code(503).type(types['.html']!).send(beingBuilt);
  });
}

function send(request: FastifyRequest, reply: FastifyReply, file: ConsoleFile): FastifyReply {
  const accepted = request.headers['accept-encoding'] ?? '';
  const encoding = (['br', 'gzip'] as const).find(
    (name) => file[name] && new RegExp(`\\b${name}\\b`).test(accepted),
  );
  reply.type(file.type).header('vary', 'accept-encoding').header('x-content-type-options', 'nosniff');
  if (encoding) reply.header('content-encoding', encoding);
  return reply.send(encoding ? file[encoding] : file.identity);
}

/** The build, read again where it changed; undefined while there is none. */
async function readBuild(directory: string, before: Build | undefined): Promise<Build | undefined> {
  const changed = await stat(join(directory, 'index.html')).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
  if (changed === undefined || changed === before?.changed) return changed === undefined ? undefined : before;
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = new Map<string, ConsoleFile>();
  for (const entry of names) {
    const path = join(entry.parentPath, entry.name);
    const type = types[extname(entry.name)];
    if (!entry.isFile() || !type || entry.name.startsWith('.')) continue;
    const [identity, br, gzip] = await Promise.all([
      readFile(path),
      ...['.br', '.gz'].map((ending) => readFile(path + ending).catch(() => undefined)),
    ]);
    files.set(`/${relative(directory, path).split(sep).join('/')}`, {
      type,
      identity: identity!,
      ...(br ? { br } : {}),
      ...(gzip ? { gzip } : {}),
    });
  }
  return { files, changed };
}

const beingBuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="1">
<title>Tagboat</title><style>body{font:16px system-ui;margin:20vh auto;max-width:32rem;color-scheme:light dark}</style>
<h1>The console is being built</h1><p>This takes some seconds, once. This page opens it by itself.
If it does not: <code>npm run build</code>. Until then: <code>tagboat status</code>.</p></html>
`;
