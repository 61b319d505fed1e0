import { kinds, type TaskRun } from '@tagboat/api';
import { useList } from '../../data/use-list.ts';
import { taskRunState } from '../../graph/pipeline-graph.ts';
import { failureIn, useLastWords } from '../run/use-failure.ts';

export interface RunFailureProps {
  readonly run: { readonly project: string; readonly name: string };
  /** What is shown until more is known, or where no step failed. */
  readonly otherwise: string;
}

/** What the failing step of a run said last. */
export function RunFailure({ run: { project, name }, otherwise }: RunFailureProps) {
  const tasks = useList<TaskRun>(kinds.TaskRun, {
    namespace: project,
    labelSelector: `tekton.dev/pipelineRun=${name}`,
  });
  const failed = tasks.items.find((task) => taskRunState(task) === 'failed');
  const said = useLastWords(project, failed && failureIn({ taskRuns: [failed] }));
  if (!failed || !said) return otherwise;
  return (
    <>
      <strong>{failed.metadata.labels?.['tekton.dev/pipelineTask'] ?? failed.metadata.name}</strong>:{' '}
      {said.split('\n')[0]}
    </>
  );
}
