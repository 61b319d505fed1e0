import { type KubernetesObject, kinds, type ResourceKey } from '@tagboat/api';
import { describeError } from '@tagboat/base';
import type { RunSource } from './run-source.ts';

/**
 * Until it is disposed, Ctrl-C cancels a run, which is then followed to its end; once more, and the process leaves at once.
 * @param note is told what happens
 */
export function cancelOnSignal(
  source: RunSource,
  key: ResourceKey,
  note: (text: string) => void,
): Disposable {
  let asked = false;
  const stop = () => {
    if (asked) process.exit(130);
    asked = true;
    note('\ncancelling; Ctrl-C again to leave at once\n');
    const cancelled = source.replace<KubernetesObject<{ status?: string }>>(key, (draft) => {
      const status = key.type.kind === kinds.TaskRun.kind ? 'TaskRunCancelled' : 'CancelledRunFinally';
      draft.spec = { ...draft.spec, status };
    });
    cancelled.catch((error: unknown) => note(`cannot cancel: ${describeError(error)}\n`));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    [Symbol.dispose]() {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
