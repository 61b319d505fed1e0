import { PassThrough, Readable } from 'node:stream';
import type { LogRequest, Pod, PodAccess } from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import type { FastifyReply } from 'fastify';
import { isTrue, type QueryString, wholeNumber } from './query.ts';
import { badRequest } from './status.ts';

export interface LogCall {
  readonly pod: Pod;
  readonly query: QueryString;
  readonly reply: FastifyReply;
  readonly access: PodAccess;
  readonly clock: Clock;
  readonly log: Logger;
}

/** `GET .../pods/<name>/log`. @throws `BadRequest`, `NotFound` */
export async function serveLog(call: LogCall): Promise<FastifyReply> {
  const ended = new AbortController();
  call.reply.raw.on('close', () => ended.abort());
  const lines = await begun(call.access.logs(logRequest(call, ended.signal)));
  const out = new PassThrough();
  const stream = Readable.from(limited(lines, wholeNumber(call.query.limitBytes, 'limitBytes')), {
    objectMode: false,
  });
  stream.on('error', (error) => {
    if (!ended.signal.aborted) call.log.debug('a log ended early', { error });
    out.destroy();
  });
  stream.pipe(out);
  // A reader that nobody reads from any more would hold its files open.
  const leave = () => {
    stream.destroy();
    lines[Symbol.asyncIterator]()
      .return?.()
      .catch((error: unknown) => call.log.debug('a log could not be closed', { error }));
  };
  if (ended.signal.aborted) leave();
  else ended.signal.addEventListener('abort', leave, { once: true });
  // Headers go out at once, so that the client knows the stream began.
  call.reply.raw.once('pipe', () => call.reply.raw.flushHeaders?.());
  return call.reply.type('text/plain').send(out);
}

/** The container that is meant: the named one, or the only one. @throws `BadRequest` */
export function containerOf(pod: Pod, name: string | undefined): string {
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map((item) => item.name);
  const main = pod.spec?.containers ?? [];
  const byAnnotation = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  const wanted = name || (main.length === 1 ? main[0]!.name : (byAnnotation ?? ''));
  if (wanted === '')
    throw badRequest(
      `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${all.join(' ')}]`,
    );
  if (!all.includes(wanted))
    throw badRequest(`container ${wanted} is not valid for pod ${pod.metadata.name}`);
  return wanted;
}

function logRequest({ pod, query, clock }: LogCall, signal: AbortSignal): LogRequest {
  const tailLines = wholeNumber(query.tailLines, 'tailLines');
  const seconds = wholeNumber(query.sinceSeconds, 'sinceSeconds');
  if (seconds !== undefined && query.sinceTime)
    throw badRequest('at most one of sinceTime or sinceSeconds may be specified');
  if (query.sinceTime && Number.isNaN(Date.parse(query.sinceTime)))
    throw badRequest(`expected an RFC 3339 time as sinceTime, found "${query.sinceTime.slice(0, 40)}"`);
  const sinceTime =
    seconds === undefined
      ? query.sinceTime
      : new Date(Math.max(0, clock.now() - seconds * 1000)).toISOString();
  return {
    namespace: pod.metadata.namespace ?? '',
    pod: pod.metadata.name,
    container: containerOf(pod, query.container),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceTime ? { sinceTime } : {}),
    timestamps: isTrue(query.timestamps),
    previous: isTrue(query.previous),
    follow: isTrue(query.follow),
    signal,
  };
}

/** The same pieces, once the first is there or a moment has gone by: what fails before can still be a Status. */
async function begun<T>(pieces: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const iterator = pieces[Symbol.asyncIterator]();
  const first = iterator.next();
  let failed: { error: unknown } | undefined;
  first.catch((error: unknown) => {
    failed = { error };
  });
  // What goes wrong with the request goes wrong at once; a log that has no line yet may take long to get one.
  await Promise.race([first.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 50))]);
  if (failed) throw failed.error;
  let pending: Promise<IteratorResult<T>> | undefined = first;
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const next = pending ?? iterator.next();
        pending = undefined;
        return next;
      },
      return: async () => (await iterator.return?.()) ?? { done: true as const, value: undefined },
    }),
  };
}

async function* limited(pieces: AsyncIterable<string>, limit: number | undefined): AsyncGenerator<Buffer> {
  let left = limit ?? Number.POSITIVE_INFINITY;
  for await (const piece of pieces) {
    const bytes = Buffer.from(piece);
    if (bytes.length >= left) {
      yield bytes.subarray(0, left);
      return;
    }
    left -= bytes.length;
    yield bytes;
  }
}
