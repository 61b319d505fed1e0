import { useEffect, useState } from 'react';
import type { LogState } from './use-log.ts';

const most = 10_000;

export interface LogSearch {
  /** The lines that match, from the first; at most ten thousand. */
  readonly matches: readonly number[];
  readonly searching: boolean;
  readonly more: boolean;
}

const nothing: LogSearch = { matches: [], searching: false, more: false };

/** Searches a log, again when it has ended; while it grows, what is new is not searched until the words change. */
export function useLogSearch({ buffer, status }: LogState, words: string): LogSearch {
  const [result, setResult] = useState<LogSearch>(nothing);
  const ended = status === 'ended';
  // biome-ignore lint/correctness/useExhaustiveDependencies: the end of the log starts the search again
  useEffect(() => {
    if (words === '') return setResult(nothing);
    let stale = false;
    const run = async () => {
      const matches: number[] = [];
      for await (const found of buffer.search(words, most)) {
        if (stale) return;
        matches.push(...found);
        setResult({ matches: [...matches], searching: true, more: false });
      }
      if (!stale) setResult({ matches, searching: false, more: matches.length >= most });
    };
    void run();
    return () => {
      stale = true;
    };
  }, [buffer, words, ended]);
  return result;
}
