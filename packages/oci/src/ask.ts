import { createReadStream } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TagboatError } from '@tagboat/base';

/** Where the bytes of a blob are: in memory or in a file. */
export type BlobSource = { readonly bytes: Uint8Array } | { readonly path: string };

export interface Question {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BlobSource & { readonly size: number };
}

export interface Answer {
  readonly status: number;
  /** True for 200 to 299. */
  readonly ok: boolean;
  header(name: string): string | undefined;
  /** The body, which must be read, or dropped: until then its connection is held. */
  stream(): Readable;
  /** All of it, for what is held in memory. @throws `TooLarge` */
  bytes(): Promise<Buffer>;
  drop(): void;
}

/**
 * Asks over HTTP. Without TLS by Node's own client, which a step loads in a tenth of the time that `fetch` takes;
 * redirects and all else by `fetch`. @throws what the connection fails with
 */
export async function ask(url: string, question: Question): Promise<Answer> {
  if (!url.startsWith('http:')) return byFetch(url, question);
  const answer = await byHttp(url, question);
  if (![301, 302, 303, 307, 308].includes(answer.status)) return answer;
  answer.drop();
  return byFetch(url, question);
}

const headersOf = ({ headers, body }: Question): Record<string, string> => ({
  ...headers,
  ...(body ? { 'content-length': String(body.size) } : {}),
});

function send(url: string, question: Question): Promise<IncomingMessage> {
  const { method = 'GET', body } = question;
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = httpRequest(url, { method, headers: headersOf(question) });
  request.on('response', resolve);
  request.on('error', (error: NodeJS.ErrnoException) => {
    // The server closed a kept connection just when it was used again (Node's documentation of `reusedSocket`).
    if (request.reusedSocket && error.code === 'ECONNRESET') resolve(send(url, question));
    else reject(error);
  });
  // A server that answers before it has read everything may close the connection: the answer is what counts.
  if (body && 'path' in body) pipeline(createReadStream(body.path), request).catch(reject);
  else request.end(body?.bytes);
  return promise;
}

async function byHttp(url: string, question: Question): Promise<Answer> {
  const message = await send(url, question);
  const status = message.statusCode ?? 0;
  return {
    status,
    ok: status >= 200 && status < 300,
    header: (name) => [message.headers[name] ?? []].flat()[0],
    stream: () => message,
    bytes: () => bounded(message),
    drop: () => void message.resume(),
  };
}

async function byFetch(url: string, question: Question): Promise<Answer> {
  const { method = 'GET', body } = question;
  const sent = body && ('path' in body ? Readable.toWeb(createReadStream(body.path)) : body.bytes);
  const response = await fetch(url, {
    method,
    headers: headersOf(question),
    ...(sent ? { body: sent, duplex: 'half' } : {}),
  } as RequestInit);
  return {
    status: response.status,
    ok: response.ok,
    header: (name) => response.headers.get(name) ?? undefined,
    stream: () => (response.body ? Readable.fromWeb(response.body as never) : Readable.from([])),
    bytes: () => bounded((response.body ?? []) as AsyncIterable<Uint8Array>),
    drop: () => void response.body?.cancel(),
  };
}

/** Configurations, profiles and manifests are held in memory, layers are not. */
const mostBytes = 64 * 2 ** 20;

async function bounded(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > mostBytes)
      throw new TagboatError(`the answer has more than ${mostBytes >> 20} MiB`, {
        reason: 'TooLarge',
        retryable: false,
      });
    parts.push(part);
  }
  return Buffer.concat(parts);
}
