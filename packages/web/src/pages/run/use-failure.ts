import { useQuery } from '@tanstack/react-query';
import { client } from '../../data/client.ts';
import type { TaskNode } from '../../graph/pipeline-graph.ts';
import { lastWords } from '../../log/last-words.ts';

const tailLines = 60;

/** Where a task failed. */
export interface Failure {
  readonly step: string;
  readonly pod: string;
  readonly container: string;
}

export function failureIn({ taskRuns }: Pick<TaskNode, 'taskRuns'>): Failure | undefined {
  for (const { status } of taskRuns)
    for (const { name, container, terminated } of status?.steps ?? [])
      if (terminated && terminated.exitCode !== 0 && status?.podName)
        return { step: name, pod: status.podName, container };
  return undefined;
}

/** What the failing step said last: from its last line that begins with `error:`, else its last line; undefined until it is read. */
export function useLastWords(namespace: string, failure: Failure | undefined): string | undefined {
  const tail = useQuery<string>({
    queryKey: ['tail', namespace, failure?.pod, failure?.container],
    enabled: failure !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => {
      let text = '';
      const pod = { namespace, name: failure!.pod, container: failure!.container };
      for await (const piece of client.logs(pod, { tailLines })) text += piece;
      return text;
    },
  });
  return tail.data === undefined ? undefined : lastWords(tail.data);
}
