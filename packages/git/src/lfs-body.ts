import type { Readable } from 'node:stream';
import { invalid, TagboatError } from '@tagboat/base';

/** The media type of Git LFS' API. */
export const media = 'application/vnd.git-lfs+json';
const largestBatch = 8 * 2 ** 20;

/** A request that was understood and cannot be done: 422. */
export const unprocessable = (message: string) =>
  new TagboatError(message, { reason: 'Unprocessable', retryable: false });

/** @throws `Invalid` for what is too long, `Unprocessable` for what is no JSON object */
export async function readJson(body: Readable): Promise<object> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > largestBatch) throw invalid(`expected at most ${largestBatch} bytes of JSON`);
    parts.push(piece);
  }
  try {
    const value = JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown;
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw unprocessable('expected a JSON object');
}
