import { Alert, AlertActionLink } from '@patternfly/react-core';
import { findCondition } from '@tagboat/api';
import { useNavigate } from '@tanstack/react-router';
import type { TaskNode } from '../../graph/pipeline-graph.ts';
import { failureIn, useLastWords } from './use-failure.ts';
import { type LoadedRun, useRunSearchParams } from './use-run.ts';

/** What went wrong, with the way to where it shows: the failing task, step and cell. */
export function RunProblem({ loaded }: { loaded: LoadedRun }) {
  const { run, summary, nodes } = loaded;
  if (summary.state === 'superseded')
    return <Note title="Overtaken by a newer release" text={summary.message} />;
  if (summary.state === 'cancelled') return <Note title="This run was cancelled" text={summary.message} />;
  if (summary.state !== 'failed') return null;
  const failed = nodes.find(({ status }) => status === 'failed');
  if (failed) return <FailedTask node={failed} namespace={summary.project} />;
  const condition = findCondition(run.status?.conditions, 'Succeeded')?.message;
  const said = [...new Set([summary.message, condition])].filter(Boolean).join('\n');
  return (
    <Alert isInline variant="danger" title="This run failed" className="tb-problem">
      <p className="tb-problem__message">{said || 'It did not say why.'}</p>
    </Alert>
  );
}

function Note({ title, text }: { title: string; text: string | undefined }) {
  return (
    <Alert isInline variant="info" title={title} className="tb-problem">
      {text}
    </Alert>
  );
}

function FailedTask({ node, namespace }: { node: TaskNode; namespace: string }) {
  const search = useRunSearchParams();
  const navigate = useNavigate();
  const failure = failureIn(node);
  const said = useLastWords(namespace, failure);
  const message = said || (node.reason ?? 'It did not say why.');
  const cell = /\bcell (\d+)/.exec(message)?.[1];
  const go = (to: Record<string, string | undefined>, hash?: string) =>
    void navigate({ to: '.', search: { ...search, task: node.name, ...to }, ...(hash ? { hash } : {}) });
  return (
    <Alert
      isInline
      variant="danger"
      title={`${node.title} failed`}
      className="tb-problem"
      actionLinks={
        <>
          {cell && (
            <AlertActionLink onClick={() => go({ tab: 'notebook' }, `cell-${cell}`)}>
              Go to the failing cell
            </AlertActionLink>
          )}
          {failure && (
            <AlertActionLink onClick={() => go({ tab: undefined, step: failure.step })}>
              Show its log
            </AlertActionLink>
          )}
        </>
      }
    >
      <p className="tb-problem__message">{message}</p>
    </Alert>
  );
}
