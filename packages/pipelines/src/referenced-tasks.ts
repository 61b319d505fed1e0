import {
  kinds,
  type Pipeline,
  type PipelineRun,
  type PipelineSpec,
  type PipelineTask,
  type Task,
  type TaskSpec,
} from '@tagboat/api';
import type { Reader } from '@tagboat/store';
import { decodeTaskSpec } from './decode.ts';
import { resultReferencesIn } from './graph.ts';
import { refused } from './run-checks.ts';
import { childKind } from './task-states.ts';

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
    if (task.taskSpec) return { taskSpec: task.taskSpec };
    const { name, resolver } = task.taskRef ?? {};
    if (!name || resolver || childKind(task) !== 'TaskRun') return {};
    const found = await this.#task(name);
    if (!found?.spec) return {};
    const { labels, annotations } = found.metadata;
    return {
      referenced: { name, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
      taskSpec: decodeTaskSpec(found.spec),
    };
  }

  /** @throws a refusal where a task does not exist, or gives no result of a name that is used, or needs a workspace that is optional */
  async check(spec: PipelineSpec, pipeline: string): Promise<void> {
    const tasks = [...spec.tasks, ...(spec.finally ?? [])];
    const specs = new Map<string, TaskSpec | undefined>();
    for (const task of tasks) {
      await this.#exists(task, pipeline);
      specs.set(task.name, (await this.of(task)).taskSpec);
    }
    for (const task of tasks) {
      for (const { task: parent, result } of resultReferencesIn([task.params, task.when, task.matrix])) {
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
        throw refused(
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
    throw refused(
      reason!,
      `Pipeline ${namespace}/${pipeline} can't be Run; it contains ${word} that don't exist: Couldn't retrieve ${what} "${reference.name}": ${plural}.tekton.dev "${reference.name}" not found`,
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
