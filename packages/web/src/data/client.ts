import { Client } from '@tagboat/client';

/** The platform this page came from; the browser's cookie says who asks. */
export const client = new Client({ url: location.origin, watchBy: 'websocket' });

/** The JSON of one of the platform's own endpoints. @throws `TagboatError` with what the platform answered */
export async function fetchJson<T>(path: string): Promise<T> {
  return (await (await client.request('GET', path)).json()) as T;
}

/** A path with those parameters that have a value. */
export function withQuery(path: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}
