import type { PipelineTask } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { findReferences } from './substitute.ts';

/** For each task, the names of the tasks it waits for: by `runAfter`, and by using their results. */
export interface TaskGraph {
  /** Every task after all that it waits for. */
  readonly order: readonly PipelineTask[];
  readonly parents: ReadonlyMap<string, ReadonlySet<string>>;
}

/** A use of another task's result, status, matrix length or artifact. */
export interface ResultReference {
  readonly task: string;
  readonly result: string;
  /** The key of an object result. */
  readonly key?: string;
  readonly index?: string;
  readonly text: string;
}

const resultName = /^(tasks|finally)\.([\w-]+)\.results\.([\w-]+)(?:\.([\w-]+))?$/;

/** The task results that a value uses. */
export function resultReferencesIn(value: unknown): ResultReference[] {
  return findReferences(value).flatMap(({ name, index, text }) => {
    const match = resultName.exec(name);
    if (!match) return [];
    return [
      {
        task: match[2]!,
        result: match[3]!,
        ...(match[4] === undefined ? {} : { key: match[4] }),
        ...(index === undefined ? {} : { index }),
        text,
      },
    ];
  });
}

/** The fields of a pipeline task in which results of others may stand, those of its own inline spec aside. */
export const outerFields = (task: PipelineTask) => [
  task.params,
  task.when,
  task.matrix,
  task.workspaces,
  task.displayName,
  task.taskRef,
  task.pipelineRef,
];

/** What a pipeline task waits for besides `runAfter`: whose results it uses, in its own fields or in its inline steps. */
function resultParentsOf(task: PipelineTask): Set<string> {
  const { steps, sidecars } = task.taskSpec ?? {};
  const fields = [...outerFields(task), steps, sidecars];
  const artifacts = findReferences([steps, sidecars, task.params]).flatMap(
    ({ name }) => /^tasks\.([\w-]+)\.(?:outputs|inputs|matrix)\b/.exec(name)?.[1] ?? [],
  );
  return new Set([...resultReferencesIn(fields).map((reference) => reference.task), ...artifacts]);
}

/**
 * Orders the tasks of a pipeline.
 * @throws `Invalid` for a repeated name, a parent that does not exist, and a cycle, which is named task by task.
 */
export function buildGraph(tasks: readonly PipelineTask[]): TaskGraph {
  const byName = new Map<string, PipelineTask>();
  for (const task of tasks) {
    if (byName.has(task.name)) throw invalid(`duplicate pipeline task "${task.name}"`);
    byName.set(task.name, task);
  }
  const parents = new Map(
    tasks.map((task) => [task.name, new Set([...(task.runAfter ?? []), ...resultParentsOf(task)])]),
  );
  for (const [name, names] of parents)
    for (const parent of names)
      if (!byName.has(parent))
        throw invalid(
          `couldn't add link between ${name} and ${parent}: task ${name} depends on ${parent} but ${parent} wasn't present in Pipeline`,
          { hint: `tasks are: ${[...byName.keys()].slice(0, 20).join(', ')}` },
        );
  return { order: sortByParents(byName, parents), parents };
}

/** Depth first without recursion, since a pipeline may be a chain of thousands. */
function sortByParents(tasks: Map<string, PipelineTask>, parents: Map<string, Set<string>>): PipelineTask[] {
  const order: PipelineTask[] = [];
  const done = new Set<string>();
  for (const start of tasks.keys()) {
    if (done.has(start)) continue;
    const path = [{ name: start, rest: [...parents.get(start)!] }];
    const open = new Set([start]);
    while (path.length > 0) {
      const top = path.at(-1)!;
      const next = top.rest.pop();
      if (next === undefined) {
        path.pop();
        open.delete(top.name);
        done.add(top.name);
        order.push(tasks.get(top.name)!);
      } else if (open.has(next)) {
        const names = path.map(({ name }) => name);
        const circle = [...names.slice(names.indexOf(next)), next].join(' -> ');
        throw invalid(`cycle detected; the tasks wait for each other in a circle: ${circle}`, {
          hint: 'remove one runAfter or result reference of these',
        });
      } else if (!done.has(next)) {
        open.add(next);
        path.push({ name: next, rest: [...parents.get(next)!] });
      }
    }
  }
  return order;
}
