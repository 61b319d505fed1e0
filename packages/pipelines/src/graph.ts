import type { PipelineTask } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { referencesIn } from './substitute.ts';

/** For each task, the names of the tasks it waits for: by `runAfter`, and by using their results. */
export interface TaskGraph {
  /** Every task after all that it waits for. */
  readonly order: readonly PipelineTask[];
  readonly parents: ReadonlyMap<string, ReadonlySet<string>>;
  readonly resultParents: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The names of tasks whose results, status or outputs this task's fields use. */
export function resultParentsOf(task: PipelineTask): Set<string> {
  const { params, when, matrix, workspaces } = task;
  const names = referencesIn([params, when, matrix, workspaces, task.displayName])
    .map((name) => /^tasks\.([\w-]+)\.results\./.exec(name)?.[1])
    .filter((name) => name !== undefined);
  return new Set(names);
}

/**
 * Orders the tasks of a pipeline.
 * @throws `Invalid` for a repeated name, a parent that does not exist, and a cycle, which is named task by task.
 */
export function buildGraph(tasks: readonly PipelineTask[]): TaskGraph {
  const byName = new Map<string, PipelineTask>();
  for (const task of tasks) {
    if (byName.has(task.name))
      throw invalid(`expected every task to have a name of its own, found "${task.name}" twice`);
    byName.set(task.name, task);
  }
  const resultParents = new Map(tasks.map((task) => [task.name, resultParentsOf(task)]));
  const parents = new Map(
    tasks.map((task) => [task.name, new Set([...(task.runAfter ?? []), ...resultParents.get(task.name)!])]),
  );
  for (const [name, names] of parents)
    for (const parent of names)
      if (!byName.has(parent))
        throw invalid(`task "${name}" waits for "${parent}", but the pipeline has no task of that name`, {
          hint: `tasks are: ${[...byName.keys()].join(', ')}`,
        });
  return { order: sortByParents(byName, parents), parents, resultParents };
}

function sortByParents(tasks: Map<string, PipelineTask>, parents: Map<string, Set<string>>): PipelineTask[] {
  const order: PipelineTask[] = [];
  const state = new Map<string, 'visiting' | 'done'>();
  const visit = (name: string, path: readonly string[]): void => {
    if (state.get(name) === 'done') return;
    if (state.get(name) === 'visiting')
      throw invalid(
        `the tasks wait for each other in a circle: ${[...path.slice(path.indexOf(name)), name].join(' -> ')}`,
        { hint: 'remove one runAfter or result reference of these' },
      );
    state.set(name, 'visiting');
    for (const parent of parents.get(name)!) visit(parent, [...path, name]);
    state.set(name, 'done');
    order.push(tasks.get(name)!);
  };
  for (const name of tasks.keys()) visit(name, []);
  return order;
}
