import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { git } from '@tagboat/git-client';

/** Somebody else's git server: the real `git http-backend` (CGI) behind a password, on loopback. */
export class OutsideGit implements AsyncDisposable {
  readonly directory: string;
  readonly #server: Server;
  readonly #login: string;

  private constructor(directory: string, login: string) {
    this.directory = directory;
    this.#login = login;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** @param login as `user:password` */
  static async start(login: string): Promise<OutsideGit> {
    const outside = new OutsideGit(await mkdtemp(join(tmpdir(), 'tagboat-outside-git-')), login);
    outside.#server.listen(0, '127.0.0.1');
    await once(outside.#server, 'listening');
    return outside;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Makes an empty repository. @returns its URL, with the login in it */
  async create(name: string): Promise<string> {
    const path = join(this.directory, `${name}.git`);
    await git(['init', '--quiet', '--bare', '--initial-branch=main', path]);
    await git(['config', 'http.receivepack', 'true'], { cwd: path });
    return `${this.url.replace('//', `//${this.#login}@`)}/${name}.git`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const expected = `Basic ${Buffer.from(this.#login).toString('base64')}`;
    if (request.headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const url = new URL(request.url ?? '/', this.url);
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: this.directory,
        GIT_HTTP_EXPORT_ALL: '1',
        REQUEST_METHOD: request.method,
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        CONTENT_LENGTH: request.headers['content-length'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: (request.headers['git-protocol'] as string | undefined) ?? '',
        REMOTE_USER: this.#login.split(':')[0],
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    backend.stdin.on('error', () => undefined);
    request.pipe(backend.stdin);
    void relay(backend.stdout, response);
  }
}

/** A CGI answer (RFC 3875) as an HTTP response. */
async function relay(output: NodeJS.ReadableStream, response: ServerResponse): Promise<void> {
  let head = Buffer.alloc(0);
  let started = false;
  for await (const chunk of output) {
    if (started) {
      response.write(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk as Buffer]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) continue;
    started = true;
    const lines = head.subarray(0, end).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2) as [string, string]));
    response.writeHead(Number.parseInt(headers.Status ?? '200', 10), headers);
    response.write(head.subarray(end + 4));
  }
  response.end();
}
