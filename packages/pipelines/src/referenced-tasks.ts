import {
  kinds,
  type ParamSpec,
  type Pipeline,
  type PipelineRun,
  type PipelineSpec,
  type PipelineTask,
  type Task,
  type TaskSpec,
} from '@tagboat/api';
import type { Reader } from '@tagboat/store';
import { taskParamsProblem, wrongChoice } from './check-params.ts';
import { decodeTaskSpec } from './decode.ts';
import { resultReferencesIn } from './graph.ts';
import { refused, refusedByUser } from './run-checks.ts';
import { findReferences } from './substitute.ts';
import { childKind } from './task-states.ts';

/** A pipeline's param lets through no value that the task it goes to refuses (Tekton's `ValidateParamEnumSubset`). */
function checkChoices(
  { params, taskRef }: PipelineTask,
  declared: readonly ParamSpec[],
  taskSpec: TaskSpec | undefined,
): void {
  for (const { name, value } of params ?? []) {
    const [used, ...more] = findReferences(value).filter((found) => found.name.startsWith('params.'));
    const outer = declared.find((spec) => `params.${spec.name}` === used?.name);
    const { enum: inner = [] } = taskSpec?.params?.find((spec) => spec.name === name) ?? {};
    if (!outer || more.length > 0 || outer.type === 'array' || outer.type === 'object' || inner.length === 0)
      continue;
    const task = `referenced in "${taskRef?.name ?? ''}" task`;
    const problem = !outer.enum?.length
      ? `pipeline param "${outer.name}" has no enum, but ${task} has enums: [${inner.join(' ')}]`
      : outer.enum.some((choice) => !inner.includes(choice))
        ? `pipeline param "${outer.name}" enum: [${outer.enum.join(' ')}] is not a subset of the ${task} param enum: [${inner.join(' ')}]`
        : undefined;
    if (problem)
      throw refusedByUser(
        'PipelineValidationFailed',
        `Validation failed for pipelinerun with error ${problem}`,
      );
  }
}

/** Whether what a run gives to a task fits it. @throws a refusal with Tekton's reason and message */
export function checkTaskParams(run: PipelineRun, task: PipelineTask, taskSpec: TaskSpec | undefined): void {
  const { params: ofMatrix = [], include = [] } = task.matrix ?? {};
  const problem = taskParamsProblem(taskSpec?.params ?? [], {
    task: task.taskRef?.name ?? '',
    params: task.params ?? [],
    matrix: [...ofMatrix, ...include.flatMap(({ params }) => params ?? [])].map(({ name }) => name),
  });
  if (problem)
    throw refusedByUser(
      'PipelineValidationFailed',
      `Validation failed for pipelinerun ${run.metadata.name} with error ${problem}`,
    );
}

/** Whether a task takes the values it is given, once they are known. @throws a refusal with Tekton's reason and message */
export function checkTaskChoices(task: PipelineTask, taskSpec: TaskSpec | undefined): void {
  const choice = wrongChoice(taskSpec?.params ?? [], task.params ?? []);
  if (choice)
    throw refusedByUser(
      'InvalidParamValue',
      `Invalid param value from PipelineTask "${task.name}": ${choice}`,
    );
}

export interface ReferencedTask {
  readonly referenced?: {
    name: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  readonly taskSpec?: TaskSpec;
}

/** The Tasks that a run's pipeline names, read once. Those of remote resolvers are left to their TaskRuns. */
export class ReferencedTasks {
  readonly #reader: Reader;
  readonly #run: PipelineRun;
  readonly #found = new Map<string, Promise<Task | undefined>>();

  constructor(reader: Reader, run: PipelineRun) {
    this.#reader = reader;
    this.#run = run;
  }

  async of(task: PipelineTask): Promise<ReferencedTask> {
    // What the tasks of other kinds give, only their controllers know.
    if (childKind(task) !== 'TaskRun') return {};
    if (task.taskSpec) return { taskSpec: task.taskSpec };
    const { name, resolver } = task.taskRef ?? {};
    if (!name || resolver) return {};
    const found = await this.#task(name);
    if (!found?.spec) return {};
    const { labels, annotations } = found.metadata;
    return {
      referenced: { name, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
      taskSpec: decodeTaskSpec(found.spec),
    };
  }

  /** @throws a refusal where a task does not exist, or gives no result of a name that is used, or needs a workspace that is optional */
  async check(spec: PipelineSpec, pipeline: string, declared: PipelineSpec): Promise<void> {
    const tasks = [...spec.tasks, ...(spec.finally ?? [])];
    const specs = new Map<string, TaskSpec | undefined>();
    for (const task of tasks) {
      await this.#exists(task, pipeline);
      specs.set(task.name, (await this.of(task)).taskSpec);
    }
    for (const task of tasks)
      if (childKind(task) === 'TaskRun') checkTaskParams(this.#run, task, specs.get(task.name));
    for (const task of [...declared.tasks, ...(declared.finally ?? [])])
      checkChoices(task, declared.params ?? [], specs.get(task.name));
    for (const task of tasks) {
      const used = [task.params, task.when, task.matrix, task.taskSpec?.steps];
      for (const { task: parent, result } of resultReferencesIn(used)) {
        const parentSpec = specs.get(parent);
        if (parentSpec && !parentSpec.results?.some(({ name }) => name === result))
          throw refused(
            'InvalidTaskResultReference',
            `invalid result reference in pipeline task "${task.name}": "${result}" is not a named result returned by pipeline task "${parent}"`,
          );
      }
      this.#optionalWorkspaces(spec, task, specs.get(task.name));
    }
    for (const { name, value } of spec.results ?? [])
      for (const { task: parent, result } of resultReferencesIn(value)) {
        const parentSpec = specs.get(parent);
        if (parentSpec && !parentSpec.results?.some((declared) => declared.name === result))
          throw refused(
            'InvalidPipelineResultReference',
            `Failed to resolve pipeline result reference for "${this.#run.metadata.name}" with error invalid pipeline result "${name}": "${result}" is not a named result returned by pipeline task "${parent}"`,
          );
      }
  }

  #optionalWorkspaces(spec: PipelineSpec, task: PipelineTask, taskSpec: TaskSpec | undefined): void {
    const optional = new Set((spec.workspaces ?? []).filter((item) => item.optional).map(({ name }) => name));
    for (const { name, workspace } of task.workspaces ?? [])
      if (
        workspace &&
        optional.has(workspace) &&
        taskSpec?.workspaces?.some((item) => item.name === name && !item.optional)
      )
        throw refusedByUser(
          'RequiredWorkspaceMarkedOptional',
          `Optional workspace not supported by task: pipeline workspace "${workspace}" is marked optional but pipeline task "${task.name}" requires it be provided`,
        );
  }

  async #exists(task: PipelineTask, pipeline: string): Promise<void> {
    const { namespace = '' } = this.#run.metadata;
    const kind = childKind(task);
    const reference = kind === 'PipelineRun' ? task.pipelineRef : task.taskRef;
    if (!reference?.name || reference.resolver || kind === 'CustomRun') return;
    // A name with a variable is known only when the task starts.
    if (reference.name.includes('$(')) return;
    const type = kind === 'PipelineRun' ? kinds.Pipeline : kinds.Task;
    const found =
      kind === 'PipelineRun'
        ? await this.#reader.get<Pipeline>({ type, namespace, name: reference.name })
        : await this.#task(reference.name);
    if (found) return;
    const [plural, reason, word] =
      kind === 'PipelineRun'
        ? ['pipelines', 'CouldntGetPipeline', 'child Pipelines']
        : ['tasks', 'CouldntGetTask', 'Tasks'];
    const what = kind === 'PipelineRun' ? 'Pipeline' : 'Task';
    const local =
      kind === 'PipelineRun'
        ? `tekton client cannot get pipeline ${reference.name} from local cluster: `
        : '';
    throw refused(
      reason!,
      `Pipeline ${namespace}/${pipeline} can't be Run; it contains ${word} that don't exist: Couldn't retrieve ${what} "${reference.name}": ${local}${plural}.tekton.dev "${reference.name}" not found`,
    );
  }

  #task(name: string): Promise<Task | undefined> {
    let found = this.#found.get(name);
    if (!found) {
      const key = { type: kinds.Task, namespace: this.#run.metadata.namespace ?? '', name };
      found = this.#reader.get<Task>(key);
      this.#found.set(name, found);
    }
    return found;
  }
}
