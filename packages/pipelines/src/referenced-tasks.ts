import {
  kinds,
  type ParamSpec,
  type Pipeline,
  type PipelineRun,
  type PipelineSpec,
  type PipelineTask,
  type Reference,
  type Task,
  type TaskSpec,
} from '@tagboat/api';
import { describeError, TagboatError } from '@tagboat/base';
import type { Reader } from '@tagboat/store';
import { taskParamsProblem, wrongChoice } from './check-params.ts';
import { decodeTaskSpec } from './decode.ts';
import { resultReferencesIn } from './graph.ts';
import type { RemoteTasks } from './remote-tasks.ts';
import type { Registries } from './resolver-tools.ts';
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

interface Sources {
  readonly reader: Reader;
  readonly remote: RemoteTasks;
  readonly registries?: Registries;
}

/** A reference whose resolver is told something that only an earlier task's results say. */
const isOpen = (reference: Reference) => /\$\((tasks|finally)\./.test(JSON.stringify(reference));

/** The Tasks that a run's pipeline names, read once. */
export class ReferencedTasks {
  readonly #sources: Sources;
  readonly #run: PipelineRun;
  readonly #found = new Map<string, Promise<Task | undefined>>();

  constructor(sources: Sources, run: PipelineRun) {
    this.#sources = sources;
    this.#run = run;
  }

  async of(task: PipelineTask): Promise<ReferencedTask> {
    // What the tasks of other kinds give, only their controllers know.
    if (childKind(task) !== 'TaskRun') return {};
    if (task.taskSpec) return { taskSpec: task.taskSpec };
    const { name, resolver } = task.taskRef ?? {};
    if (resolver && isOpen(task.taskRef!)) return {};
    const found = resolver ? await this.#remote(task.taskRef!) : name ? await this.#task(name) : undefined;
    if (!found?.spec) return {};
    const { labels, annotations } = found.metadata;
    return {
      referenced: {
        name: found.metadata.name,
        ...(labels ? { labels } : {}),
        ...(annotations ? { annotations } : {}),
      },
      taskSpec: decodeTaskSpec(found.spec),
    };
  }

  /** @throws a refusal where a task does not exist, or gives no result of a name that is used, or needs a workspace that is optional */
  async check(spec: PipelineSpec, pipeline: string, declared: PipelineSpec): Promise<void> {
    const tasks = [...spec.tasks, ...(spec.finally ?? [])];
    // All are asked for at once; what is wrong with one is told below.
    for (const task of tasks) this.of(task).catch(() => undefined);
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
    this.#pipelineResults(spec, specs);
  }

  #pipelineResults(spec: PipelineSpec, specs: ReadonlyMap<string, TaskSpec | undefined>): void {
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
    const here = `Pipeline ${namespace}/${pipeline} can't be Run; it contains`;
    const kind = childKind(task);
    if (kind === 'PipelineRun') {
      const { name, resolver } = task.pipelineRef ?? {};
      if (!name || resolver || name.includes('$(')) return;
      const found = await this.#sources.reader.get<Pipeline>({ type: kinds.Pipeline, namespace, name });
      if (!found)
        throw refused(
          'CouldntGetPipeline',
          `${here} child Pipelines that don't exist: Couldn't retrieve Pipeline "${name}": tekton client cannot get pipeline ${name} from local cluster: pipelines.tekton.dev "${name}" not found`,
        );
      return;
    }
    const why = kind === 'TaskRun' && task.taskRef ? await this.#whyNot(task.taskRef) : undefined;
    if (why !== undefined)
      throw refused('CouldntGetTask', `${here} Tasks that don't exist: Couldn't retrieve Task ${why}`);
  }

  /** The name of a Task that cannot be had, and why; undefined where it can, or its name is known only later. */
  async #whyNot(reference: Reference): Promise<string | undefined> {
    const { name = '', resolver } = reference;
    if (resolver)
      return isOpen(reference)
        ? undefined
        : this.#remote(reference).then(
            () => undefined,
            (error: unknown) => `"${resolverText(reference)}": ${finalProblem(error)}`,
          );
    if (name === '' || name.includes('$(') || (await this.#task(name))) return undefined;
    return `"${name}": tasks.tekton.dev "${name}" not found`;
  }

  async #remote(reference: Reference): Promise<Task> {
    const { metadata } = this.#run;
    const { reader, remote, registries } = this.#sources;
    const request = { reader, namespace: metadata.namespace ?? '', ...(registries ? { registries } : {}) };
    return (await remote.of(metadata.uid ?? '', request, reference)).object;
  }

  #task(name: string): Promise<Task | undefined> {
    let found = this.#found.get(name);
    if (!found) {
      const key = { type: kinds.Task, namespace: this.#run.metadata.namespace ?? '', name };
      found = this.#sources.reader.get<Task>(key);
      this.#found.set(name, found);
    }
    return found;
  }
}

/** @throws what may pass, so that it is tried again */
function finalProblem(error: unknown): string {
  if (!(error instanceof TagboatError) || error.retryable) throw error;
  return describeError(error);
}

/** How Tekton tells of a reference without a name (`GenerateErrorLogString`). */
function resolverText({ name, resolver, params = [] }: Reference): string {
  if (name) return name;
  const told = params.filter((param) => param.name === 'name' || param.name === 'url');
  return [
    `resolver type ${resolver}`,
    ...told.map((param) => `${param.name} = ${String(param.value)}`),
    '',
  ].join('\n');
}
