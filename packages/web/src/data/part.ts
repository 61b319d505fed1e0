import { TagboatError } from '@tagboat/base';
import { type ComponentType, lazy } from 'react';
import { connection } from './connection.ts';

const remembered = 'tagboat.reloaded';
const lately = 20_000;

/**
 * Loads a part of the console. One that is gone since the platform was upgraded is a part of the new console, which is loaded
 * instead of this one; while the platform cannot be reached, waits for it.
 * @throws `Unavailable` where loading the console anew did not help
 */
export async function loadPart<Part>(load: () => Promise<Part>): Promise<Part> {
  try {
    return await load();
  } catch (cause) {
    await platformAnswers();
    if (Date.now() - Number(sessionStorage.getItem(remembered)) < lately)
      throw new TagboatError('a part of the console could not be loaded', {
        reason: 'Unavailable',
        hint: 'load the page anew; if that does not help, look at the log of the platform',
        cause,
      });
    sessionStorage.setItem(remembered, String(Date.now()));
    location.reload();
    return new Promise(() => undefined);
  }
}

async function platformAnswers(): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const answered = await fetch('/theme.js', { cache: 'no-store' }).then(
      ({ ok }) => ok,
      () => false,
    );
    connection.report(!answered);
    if (answered) return;
    await connection.pause(attempt, new AbortController().signal);
  }
}

/** A component of a module that is loaded when it is first shown. */
export const lazyPart = <Module, Name extends keyof Module>(load: () => Promise<Module>, name: Name) =>
  lazy(async () => ({ default: (await loadPart(load))[name] as ComponentOf<Module[Name]> }));

type ComponentOf<Value> = Value extends ComponentType<infer Props> ? ComponentType<Props> : never;
