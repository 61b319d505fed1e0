import type { PipelineSpec, PipelineTask } from '@tagboat/api';
import { resultReferencesIn } from './graph.ts';
import { isMatrixed } from './matrix.ts';
import type { Path, Problems } from './problems.ts';
import { findReferences } from './substitute.ts';

/** Every task of a pipeline, with where it stands. */
export const allTasks = (spec: PipelineSpec): { task: PipelineTask; path: Path; final: boolean }[] =>
  (['tasks', 'finally'] as const).flatMap((list) =>
    (spec[list] ?? []).map((task, index) => ({ task, path: [list, index], final: list === 'finally' })),
  );

/** What tasks and results of a pipeline refer to: states, results of other tasks. */
export function validateReferences(problems: Problems, spec: PipelineSpec): void {
  validateStatusVariables(problems, spec);
  validateFinally(problems, spec);
  validateResults(problems, spec);
  validateNestedResults(problems, spec);
}

const statusVariable = /^tasks\.(?:([\w-]+)\.)?(?:status|reason)$/;

function validateStatusVariables(problems: Problems, spec: PipelineSpec): void {
  const names = new Set(spec.tasks.map(({ name }) => name));
  for (const { task, path, final } of allTasks(spec))
    for (const [field, items] of Object.entries({ params: task.params ?? [], when: task.when ?? [] }))
      for (const [index, item] of items.entries())
        for (const { name } of findReferences(item)) {
          const match = statusVariable.exec(name);
          if (!match) continue;
          if (!final)
            problems.invalid(
              [...path, field, index],
              'pipeline tasks can not refer to execution status of any other pipeline task or aggregate status of tasks',
            );
          else if (match[1] && !names.has(match[1]))
            problems.invalid(
              [...path, field, index],
              `pipeline task ${match[1]} is not defined in the pipeline`,
            );
        }
}

function validateFinally(problems: Problems, spec: PipelineSpec): void {
  const names = new Set(spec.tasks.map(({ name }) => name));
  const finals = new Set((spec.finally ?? []).map(({ name }) => name));
  for (const [index, task] of (spec.finally ?? []).entries()) {
    if (task.runAfter?.length)
      problems.invalid(
        ['finally', index],
        `no runAfter allowed under spec.finally, final task ${task.name} has runAfter specified`,
      );
    for (const { task: parent } of resultReferencesIn([task.params, task.when])) {
      if (finals.has(parent))
        problems.invalid(
          ['finally', index],
          `invalid task result reference, final task has task result reference from a final task ${parent}`,
        );
      else if (!names.has(parent))
        problems.invalid(
          ['finally', index],
          `invalid task result reference, final task has task result reference from a task ${parent} which is not defined in the pipeline`,
        );
    }
  }
}

function validateResults(problems: Problems, spec: PipelineSpec): void {
  const names = {
    tasks: new Set(spec.tasks.map(({ name }) => name)),
    finally: new Set((spec.finally ?? []).map(({ name }) => name)),
  };
  for (const [index, { value }] of (spec.results ?? []).entries()) {
    const path = ['results', index, 'value'];
    const references = resultReferencesIn(value);
    if (findReferences(value).length === 0)
      problems.invalid(
        path,
        'expected pipeline results to be task result expressions but no expressions were found',
      );
    else if (references.length === 0)
      problems.invalid(
        path,
        'expected pipeline results to be task result expressions but an invalid expressions was found',
      );
    for (const { task, text } of references)
      if (!names[text.startsWith('$(finally') ? 'finally' : 'tasks'].has(task))
        problems.invalid(path, 'referencing a nonexistent task');
  }
}

function validateNestedResults(problems: Problems, spec: PipelineSpec): void {
  const nested = new Set(
    allTasks(spec).flatMap(({ task }) => (task.pipelineRef || task.pipelineSpec ? [task.name] : [])),
  );
  const matrixed = new Set(spec.tasks.filter(isMatrixed).map(({ name }) => name));
  if (nested.size + matrixed.size === 0) return;
  for (const { task, path } of allTasks(spec))
    for (const { task: parent, index, text } of resultReferencesIn([task.params, task.when, task.matrix])) {
      if (nested.has(parent))
        problems.invalid(
          path,
          `result reference to pipelineTask "${parent}" is not supported: referenced task uses pipelineRef or pipelineSpec and result propagation from child Pipelines is not yet implemented`,
        );
      if (matrixed.has(parent) && index !== '*')
        problems.add(
          path,
          `A matrixed pipelineTask can only be consumed in aggregate using [*] notation, but is currently set to ${text}`,
        );
    }
}
