import type { ChildReference, PipelineTask } from '@tagboat/api';
import { lookupIn, substituteText } from './substitute.ts';
import type { Child } from './task-states.ts';

/** `status.childReferences`: every run that was made, in the order of the pipeline's tasks. */
export function childReferences(
  children: ReadonlyMap<string, readonly Child[]>,
  tasks: ReadonlyMap<string, PipelineTask>,
): ChildReference[] {
  return [...children].flatMap(([name, runs]) =>
    runs.map((child) => {
      const task = tasks.get(name);
      const title = task && displayName(task, child);
      return {
        apiVersion: child.apiVersion,
        kind: child.kind,
        name: child.metadata.name,
        ...(title ? { displayName: title } : {}),
        pipelineTaskName: name,
        ...(task?.when?.length ? { whenExpressions: task.when } : {}),
      };
    }),
  );
}

/** The task's display name, or those of the matrix entries that this run's params come from. */
function displayName(task: PipelineTask, child: Child): string | undefined {
  const params = new Map(
    (child.spec?.params ?? []).flatMap(({ name, value }) =>
      typeof value === 'string' ? [[`params.${name}`, value] as const] : [],
    ),
  );
  const lookup = lookupIn(params);
  const titles = (task.matrix?.include ?? [])
    .filter(({ name }) => name)
    .filter((include) =>
      (include.params ?? []).every(({ name, value }) => params.get(`params.${name}`) === value),
    )
    .map(({ name }) => substituteText(name!, lookup));
  if (titles.length > 0) return titles.join(' ');
  return task.displayName ? substituteText(task.displayName, lookup) : undefined;
}
