import {
  type ChildReference,
  failureAnnotation,
  findCondition,
  type PipelineRun,
  type PipelineRunStatus,
} from '@tagboat/api';
import { childReferences } from './child-references.ts';
import type { PipelinePlan } from './plan-pipeline-run.ts';
import type { Child } from './task-states.ts';
import { runTiming } from './timing.ts';

/** A run's status after a look at it. Pure. */
export function nextStatus(
  run: PipelineRun,
  { plan, children, now }: { plan: PipelinePlan; children: ReadonlyMap<string, Child[]>; now: string },
): PipelineRunStatus {
  const status = run.status ?? {};
  const before = findCondition(status.conditions, 'Succeeded');
  const { condition } = plan;
  const same = before?.status === condition.status;
  const references: ChildReference[] = childReferences(children, plan.tasks);
  const next: PipelineRunStatus = {
    ...status,
    conditions: [{ ...condition, lastTransitionTime: same ? (before.lastTransitionTime ?? now) : now }],
    ...(references.length > 0 ? { childReferences: references } : {}),
    ...(plan.finallyStarted && !status.finallyStartTime ? { finallyStartTime: now } : {}),
    ...(plan.results.length > 0 ? { results: [...plan.results] } : {}),
    ...(plan.failure ? { annotations: { ...status.annotations, [failureAnnotation]: plan.failure } } : {}),
  };
  if (plan.skipped.length > 0) next.skippedTasks = [...plan.skipped];
  else delete next.skippedTasks;
  if (!plan.done) return next;
  return { ...next, completionTime: now, timing: runTiming(run, next, children) };
}
