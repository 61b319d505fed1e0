import { type Clock, timestamp } from '@tagboat/base';
import type { ContainerExit } from './driver.ts';
import type { StartedContainer } from './start-container.ts';

/** Exit code of a container that could not be started (containerd and docker have the same). */
export const startErrorCode = 128;

/** The state of a container that has ended; what it left behind is ended, its log finished. */
export async function terminatedState(started: StartedContainer, exit: ContainerExit, clock: Clock) {
  const { exitCode, startError } = exit;
  const tooLittleMemory = exit.outOfMemory ?? (await started.group?.outOfMemory()) ?? false;
  const reason = startError
    ? 'StartError'
    : tooLittleMemory
      ? 'OOMKilled'
      : exitCode === 0
        ? 'Completed'
        : 'Error';
  const message = startError ?? (await started.message(exitCode));
  await started.close();
  return {
    exitCode: startError ? startErrorCode : exitCode,
    reason,
    ...(message ? { message } : {}),
    startedAt: started.startedAt,
    finishedAt: timestamp(clock),
  };
}

/** The state of a container that could not be started. */
export const startErrorState = (message: string, now: string) => ({
  terminated: { exitCode: startErrorCode, reason: 'StartError', message, startedAt: now, finishedAt: now },
});
