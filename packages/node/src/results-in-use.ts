import { kinds, type PipelineRun, type TaskRun } from '@tagboat/api';
import type { Reader } from '@tagboat/store';
import { largeResultsIn } from './large-results.ts';

const keyOfRun = (namespace: string | undefined, name: string) => `${namespace ?? ''}/${name}`;

/** The large results, by the hex of their digests, that runs which are not over may still use. */
export async function resultsInUse(reader: Reader): Promise<ReadonlySet<string>> {
  const runs = await reader.list<PipelineRun>(kinds.PipelineRun);
  const open = new Set(
    runs.items
      .filter(({ status }) => !status?.completionTime)
      .map(({ metadata }) => keyOfRun(metadata.namespace, metadata.name)),
  );
  const tasks = await reader.list<TaskRun>(kinds.TaskRun);
  const used = tasks.items.filter(({ metadata, status }) => {
    const run = metadata.labels?.['tekton.dev/pipelineRun'];
    return run === undefined ? !status?.completionTime : open.has(keyOfRun(metadata.namespace, run));
  });
  return new Set(
    used.flatMap(({ spec, status }) =>
      largeResultsIn(JSON.stringify([spec?.params, status?.results, status?.steps])),
    ),
  );
}
