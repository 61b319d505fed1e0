import { Alert, AlertActionLink } from '@patternfly/react-core';
import { findCondition } from '@tagboat/api';
import { useNavigate } from '@tanstack/react-router';
import type { TaskNode } from '../../graph/pipeline-graph.ts';
import { type LoadedRun, useRunSearchParams } from './use-run.ts';

/** What went wrong, with the way to where it shows: the failing task, step and cell. */
export function RunProblem({ loaded }: { loaded: LoadedRun }) {
  const { run, summary, nodes } = loaded;
  const search = useRunSearchParams();
  const navigate = useNavigate();
  if (summary.state === 'superseded')
    return (
      <Alert isInline variant="info" title="Overtaken by a newer release" className="tb-problem">
        {summary.message}
      </Alert>
    );
  if (summary.state !== 'failed') return null;
  const failed = nodes.find(({ status }) => status === 'failed');
  const message =
    failed?.reason ?? findCondition(run.status?.conditions, 'Succeeded')?.message ?? 'The run failed.';
  const cell = /cell (\d+)/.exec(message)?.[1];
  const go = (to: Record<string, string | undefined>, hash?: string) =>
    void navigate({ to: '.', search: { ...search, ...to }, ...(hash ? { hash } : {}) });
  return (
    <Alert
      isInline
      variant="danger"
      title={failed ? `${failed.title} failed` : 'This run failed'}
      className="tb-problem"
      actionLinks={
        failed && (
          <>
            {cell && (
              <AlertActionLink onClick={() => go({ tab: 'notebook', task: failed.name }, `cell-${cell}`)}>
                Go to the failing cell
              </AlertActionLink>
            )}
            <AlertActionLink
              onClick={() => go({ tab: undefined, task: failed.name, step: failedStep(failed) })}
            >
              Show its log
            </AlertActionLink>
          </>
        )
      }
    >
      <p className="tb-problem__message">{message}</p>
    </Alert>
  );
}

function failedStep({ taskRuns }: TaskNode): string | undefined {
  return taskRuns
    .flatMap(({ status }) => status?.steps ?? [])
    .find(({ terminated }) => terminated && terminated.exitCode !== 0)?.name;
}
