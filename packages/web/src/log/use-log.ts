import { isReason, type TagboatError } from '@tagboat/base';
import { useEffect, useState } from 'react';
import { asError } from '../data/actions.ts';
import { client } from '../data/client.ts';
import { connection } from '../data/connection.ts';
import { isFinal } from '../data/live-list.ts';
import { SectionFinder, sectionMark, sectionMarkLength } from './folds.ts';
import { LogBuffer } from './log-buffer.ts';

export interface ContainerRef {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

export interface LogState {
  readonly buffer: LogBuffer;
  readonly finder: SectionFinder;
  /** Grows with every change of the two above. */
  readonly version: number;
  readonly status: 'loading' | 'streaming' | 'ended' | 'missing' | 'failed';
  readonly error?: TagboatError;
}

/** A log as it is written. `of` undefined: there is none yet. */
export function useLog(of: ContainerRef | undefined): LogState {
  const [state, setState] = useState<LogState>(fresh);
  const { namespace, pod, container } = of ?? {};
  useEffect(() => {
    if (namespace === undefined || pod === undefined || container === undefined) return undefined;
    const ended = new AbortController();
    void follow({ namespace, pod, container }, ended.signal, setState);
    return () => ended.abort();
  }, [namespace, pod, container]);
  return state;
}

const fresh = (): LogState => ({
  buffer: new LogBuffer(),
  finder: new SectionFinder(),
  version: 0,
  status: 'loading',
});

type Show = (state: LogState) => void;

/** Reads to the end; begins anew where the connection is lost, since lines have no numbers of their own to go on from. */
async function follow(of: ContainerRef, signal: AbortSignal, show: Show): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    const log = fresh();
    const publisher = new Publisher(log, show, signal);
    try {
      const options = { follow: true, timestamps: true, signal };
      for await (const text of client.logs(
        { namespace: of.namespace, name: of.pod, container: of.container },
        options,
      ))
        publisher.append(text);
      return publisher.end({ status: 'ended' });
    } catch (error) {
      if (signal.aborted) return;
      if (isReason(error, 'NotFound')) return publisher.end({ status: 'missing', error: asError(error) });
      if (isFinal(error)) return publisher.end({ status: 'failed', error: asError(error) });
      connection.report(true);
    }
    await connection.pause(attempt, signal);
  }
}

/** Text comes faster than a page can be drawn, so it is shown once per frame. */
class Publisher {
  readonly #log: LogState;
  readonly #show: Show;
  readonly #signal: AbortSignal;
  #version = 0;
  /** The end of the text before, in which a mark may have begun. */
  #end = '';
  /** The line that is not whole yet has a mark. */
  #markedLine = false;
  #frame: ReturnType<typeof setTimeout> | undefined;

  constructor(log: LogState, show: Show, signal: AbortSignal) {
    this.#log = log;
    this.#show = show;
    this.#signal = signal;
    this.#publish({ status: 'streaming' });
  }

  append(text: string): void {
    const { buffer, finder } = this.#log;
    const before = buffer.length;
    buffer.append(text);
    // Most text begins no section, and a million lines are quickly read where they need not be cut out one by one.
    const marked = this.#markedLine || sectionMark.test(this.#end + text);
    this.#markedLine = marked && !text.endsWith('\n');
    this.#end = text.slice(-sectionMarkLength);
    for (let number = before + 1; marked && number <= buffer.length; number++)
      finder.add(number, buffer.line(number).text);
    this.#frame ??= setTimeout(() => {
      this.#frame = undefined;
      this.#publish({ status: 'streaming' });
    }, 33);
  }

  end(outcome: Pick<LogState, 'status' | 'error'>): void {
    clearTimeout(this.#frame);
    this.#log.buffer.end();
    this.#publish(outcome);
  }

  #publish(outcome: Pick<LogState, 'status' | 'error'>): void {
    if (this.#signal.aborted) return;
    this.#version++;
    this.#show({ ...this.#log, ...outcome, version: this.#version });
  }
}
