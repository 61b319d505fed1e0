import { TagboatError } from '@tagboat/base';
import type { ServerInputs } from './input-window.ts';

const mostBytes = 2 ** 20;

/** What a model server counted of its inputs; nothing where it has no reference. @throws what says why it is not known */
export async function fetchInputs(url: string, signal: AbortSignal): Promise<ServerInputs | undefined> {
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new TagboatError(`it answered ${response.status}`, { reason: 'ScrapeFailed' });
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > mostBytes)
      throw new TagboatError(`it answered more than ${mostBytes} bytes`, { reason: 'TooLarge' });
    parts.push(part);
  }
  const { model, started, observed, counts } = JSON.parse(
    Buffer.concat(parts).toString('utf8'),
  ) as ServerInputs;
  return { model, started, observed, counts };
}
