import { type Clock, formatDuration } from '@tagboat/base';
import type { EnvironmentProgress } from './types.ts';

/** Well under the 3 seconds that are promised. */
const heartbeat = 2000;

export interface Reporter extends Disposable {
  say(progress: EnvironmentProgress): void;
}

/** Passes progress on and, while nothing new comes, repeats the last of it with the time it has taken. */
export function createReporter(
  onProgress: ((progress: EnvironmentProgress) => void) | undefined,
  clock: Clock,
): Reporter {
  let last: EnvironmentProgress | undefined;
  let since = clock.monotonic();
  let timer: Disposable | undefined;
  const arm = () => {
    timer?.[Symbol.dispose]();
    timer = clock.after(heartbeat, () => {
      if (last) {
        const elapsed = formatDuration(clock.monotonic() - since);
        onProgress?.({ ...last, message: `${last.message} (${elapsed})` });
      }
      arm();
    });
  };
  if (onProgress) arm();
  return {
    say(progress) {
      last = progress;
      since = clock.monotonic();
      onProgress?.(progress);
      if (onProgress) arm();
    },
    [Symbol.dispose]: () => timer?.[Symbol.dispose](),
  };
}
