import { findCondition, kinds, type TaskRun } from '@tagboat/api';
import { isReason } from '@tagboat/base';
import { type Client, splitLines } from '@tagboat/client';
import { runAnnotations, runLabels } from '@tagboat/render';

/** Tells of each task of a project's runs when it starts and ends, and what takes long meanwhile, until the signal. */
export async function tellProgress(
  client: Client,
  namespace: string,
  { tell, signal }: { tell: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  const told = new Map<string, 'started' | 'ended'>();
  for (;;)
    try {
      for await (const { object } of client.watch<TaskRun>(kinds.TaskRun, { namespace, signal })) {
        const name = nameOf(object);
        const state = object.status?.completionTime ? 'ended' : begun(object) ? 'started' : undefined;
        if (!name || !state || told.get(object.metadata.name) === state) continue;
        told.set(object.metadata.name, state);
        const passed = findCondition(object.status?.conditions, 'Succeeded')?.status === 'True';
        tell(`${state === 'started' ? '▸' : passed ? '✓' : '✗'} ${name}`);
        if (state === 'started' && /environment$/.test(name))
          void tellLog(client, object, { tell, signal }).catch(() => undefined);
      }
      return;
    } catch (error) {
      // The tour kills the platform, and tells the rest when it is there again.
      if (signal.aborted || !isReason(error, 'Expired')) return;
    }
}

const begun = ({ status }: TaskRun) => status?.steps?.some(({ running }) => running !== undefined) ?? false;

/** `v0.1.0 train`; undefined for checks of branches, which are not what the tour is about. */
function nameOf({ metadata }: TaskRun): string | undefined {
  const kind = metadata.labels?.[runLabels.kind];
  if (kind === 'check') return undefined;
  const what = metadata.annotations?.[runAnnotations.tag] || kind;
  return `${kind === 'release' ? what : kind} ${metadata.labels?.['tekton.dev/pipelineTask']}`;
}

async function tellLog(
  client: Client,
  task: TaskRun,
  { tell, signal }: { tell: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  const { namespace = '' } = task.metadata;
  const pod = { namespace, name: task.status?.podName ?? '', container: 'step-environment' };
  let last = 0;
  for await (const line of splitLines(client.logs(pod, { follow: true, signal }))) {
    if (performance.now() - last < 2000) continue;
    last = performance.now();
    tell(`  ${line}`);
  }
}
