import { useSyncExternalStore } from 'react';
import { client } from './client.ts';
import { connection } from './connection.ts';

export interface FollowOptions<T> {
  readonly signal: AbortSignal;
  /** Called whenever the stream begins: what came before it is to be read. */
  readonly begun: () => void;
  readonly take: (line: T) => void;
}

/** Follows a stream of JSON lines, again after it was lost, until the signal. Only while the page is seen: see `useVisible`. */
export async function followLines<T>(path: string, options: FollowOptions<T>): Promise<void> {
  const { signal, begun } = options;
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      await followOnce(path, {
        ...options,
        begun: () => {
          attempt = 0;
          begun();
        },
      });
    } catch {
      // The lists of the page say that the connection is lost; here it is only tried again.
    }
    await connection.pause(attempt, signal);
  }
}

async function followOnce<T>(path: string, { signal, begun, take }: FollowOptions<T>): Promise<void> {
  const response = await fetch(`${client.url}${path}`, { signal });
  if (!response.ok) return;
  begun();
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of response.body ?? []) {
    text += decoder.decode(part as Uint8Array, { stream: true });
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) take(JSON.parse(line) as T);
  }
}

/** Whether anybody can see this page: a browser has few connections for one platform, and hidden pages need none. */
export function useVisible(): boolean {
  return useSyncExternalStore(
    (listener) => {
      document.addEventListener('visibilitychange', listener);
      return () => document.removeEventListener('visibilitychange', listener);
    },
    () => !document.hidden,
  );
}
