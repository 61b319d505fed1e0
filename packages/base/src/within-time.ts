import { createContext, Script } from 'node:vm';
import { TagboatError } from './errors.ts';

const place: { work?: () => unknown } = {};
let context: ReturnType<typeof createContext> | undefined;
const call = new Script('work()');

/**
 * Does work that others decide, such as an expression of theirs, on this thread, and gives it up after some time: a
 * regular expression may take for ever. @throws `TimeoutExceeded`
 */
export function withinTime<T>(milliseconds: number, work: () => T): T {
  context ??= createContext(place);
  place.work = work;
  try {
    return call.runInContext(context, { timeout: milliseconds }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new TagboatError(`it takes more than ${milliseconds} ms`, {
      reason: 'TimeoutExceeded',
      retryable: false,
    });
  } finally {
    delete place.work;
  }
}
