import {
  controllerOf,
  findCondition,
  type KubernetesObject,
  keyOf,
  kinds,
  ownedBy,
  type PersistentVolumeClaim,
  type Pipeline,
  type PipelineRun,
  type PipelineRunStatus,
  type PipelineSpec,
  type PipelineTask,
  type ResourceKey,
  type TaskRun,
  type WorkspaceBinding,
  withCondition,
} from '@tagboat/api';
import {
  type Clock,
  describeError,
  deterministicName,
  invalid,
  shortened,
  TagboatError,
  timestamp,
} from '@tagboat/base';
import type { Reconciler, Result } from '@tagboat/controller';
import { createIfAbsent, mutate, mutateStatus, type ResourceStore } from '@tagboat/store';
import {
  type PipelineAction,
  type PipelinePlan,
  planPipelineRun,
  runVariables,
} from './plan-pipeline-run.ts';
import { hiding, lookupIn, substitute } from './substitute.ts';
import { validatePipeline } from './validate.ts';

/** The name of the TaskRun of one task of a run (Tekton: `<run>-<task>`, shortened with a hash past 63 characters). */
export function taskRunName(runName: string, taskName: string): string {
  return shortened(`${runName}-${taskName}`);
}

/** Runs PipelineRuns: reads what is there, plans, creates and cancels TaskRuns, records the status. */
export class PipelineRunReconciler implements Reconciler {
  readonly #store: ResourceStore;
  readonly #clock: Clock;

  constructor(options: { store: ResourceStore; clock: Clock }) {
    this.#store = options.store;
    this.#clock = options.clock;
  }

  async reconcile(key: ResourceKey): Promise<Result> {
    const run = await this.#store.get<PipelineRun>(key);
    if (!run || run.metadata.deletionTimestamp || run.status?.completionTime) return undefined;
    if (run.spec?.status === 'PipelineRunPending')
      return this.#refuse(key, {
        status: 'Unknown',
        reason: 'PipelineRunPending',
        message: `PipelineRun "${key.name}" is pending`,
      });
    try {
      return await this.#advance(run, key);
    } catch (error) {
      if (!(error instanceof TagboatError) || error.retryable) throw error;
      const reason =
        error.reason === 'NotFound'
          ? 'CouldntGetPipeline'
          : /circle|waits for/.test(error.message)
            ? 'PipelineInvalidGraph'
            : 'PipelineValidationFailed';
      return this.#refuse(key, { status: 'False', reason, message: describeError(error) });
    }
  }

  async #advance(run: PipelineRun, key: ResourceKey): Promise<Result> {
    const spec = run.status?.pipelineSpec ?? (await this.#resolve(run));
    validatePipeline(spec, run);
    const started = run.status?.startTime ? run : await this.#start(key, spec);
    const plan = planPipelineRun({
      run: started,
      spec,
      taskRuns: await this.#taskRuns(started, spec),
      now: this.#clock.now(),
    });
    for (const action of plan.actions) await this.#apply(started, spec, action);
    const created = plan.actions.filter((action) => action.kind === 'create').map(({ task }) => task.name);
    await this.#record(key, spec, { plan, created });
    return plan.again === undefined ? undefined : { again: plan.again };
  }

  async #resolve(run: PipelineRun): Promise<PipelineSpec> {
    const { pipelineSpec, pipelineRef } = run.spec ?? {};
    if (pipelineSpec) return pipelineSpec;
    if (!pipelineRef?.name)
      throw invalid(`expected pipelineSpec or pipelineRef.name in PipelineRun ${run.metadata.name}`);
    const pipeline = await this.#store.get<Pipeline>({
      type: kinds.Pipeline,
      namespace: run.metadata.namespace ?? '',
      name: pipelineRef.name,
    });
    if (!pipeline?.spec)
      throw new TagboatError(
        `there is no Pipeline "${pipelineRef.name}" in namespace ${run.metadata.namespace}`,
        { reason: 'NotFound', retryable: false },
      );
    return pipeline.spec;
  }

  #start(key: ResourceKey, spec: PipelineSpec): Promise<PipelineRun> {
    const now = timestamp(this.#clock);
    return mutateStatus<PipelineRun>(this.#store, key, (draft) => {
      draft.status = {
        ...draft.status,
        startTime: now,
        pipelineSpec: spec,
        conditions: withCondition(
          draft.status?.conditions,
          { type: 'Succeeded', status: 'Unknown', reason: 'Started' },
          now,
        ),
      };
    });
  }

  async #taskRuns(run: PipelineRun, spec: PipelineSpec): Promise<Map<string, TaskRun>> {
    const found = new Map<string, TaskRun>();
    for (const { name } of [...spec.tasks, ...(spec.finally ?? [])]) {
      const taskRun = await this.#store.get<TaskRun>(this.#taskRunKey(run, name));
      if (taskRun && controllerOf(taskRun)?.uid === run.metadata.uid) found.set(name, taskRun);
    }
    return found;
  }

  async #apply(run: PipelineRun, spec: PipelineSpec, action: PipelineAction): Promise<void> {
    if (action.kind === 'create') {
      const taskRun = this.#taskRunFor(run, action.task, await this.#workspaces(run, spec, action.task));
      await createIfAbsent(this.#store, keyOf(kinds.TaskRun, taskRun), taskRun);
      return;
    }
    await mutate<TaskRun>(this.#store, keyOf(kinds.TaskRun, action.taskRun), (draft) => {
      draft.spec = { ...draft.spec, status: 'TaskRunCancelled', statusMessage: action.message };
    });
  }

  #taskRunFor(run: PipelineRun, task: PipelineTask, workspaces: WorkspaceBinding[]): TaskRun {
    const { metadata, apiVersion: _a, kind: _k, spec: _s, ...taskSpec } = task.taskSpec ?? { steps: [] };
    const variables = lookupIn(runVariables(run, run.status?.pipelineSpec ?? { tasks: [] }));
    const specific = run.spec?.taskRunSpecs?.find((candidate) => candidate.pipelineTaskName === task.name);
    const template = run.spec?.taskRunTemplate;
    return {
      apiVersion: 'tekton.dev/v1',
      kind: 'TaskRun',
      metadata: {
        name: taskRunName(run.metadata.name, task.name),
        namespace: run.metadata.namespace ?? '',
        labels: this.#labels(run, task, metadata?.labels),
        annotations: { ...metadata?.annotations, ...run.metadata.annotations },
        ownerReferences: [ownedBy(run)],
      },
      spec: {
        ...(task.taskRef
          ? { taskRef: task.taskRef }
          : { taskSpec: substitute(taskSpec, hiding(variables, taskSpec.params)) }),
        ...(task.params ? { params: task.params } : {}),
        ...(workspaces.length > 0 ? { workspaces } : {}),
        ...(task.retries === undefined ? {} : { retries: task.retries }),
        ...(task.timeout === undefined ? {} : { timeout: task.timeout }),
        serviceAccountName: specific?.serviceAccountName ?? template?.serviceAccountName ?? 'default',
        ...(template?.podTemplate || specific?.podTemplate
          ? { podTemplate: { ...template?.podTemplate, ...specific?.podTemplate } }
          : {}),
        ...(specific?.computeResources ? { computeResources: specific.computeResources } : {}),
        ...(specific?.stepSpecs ? { stepSpecs: specific.stepSpecs } : {}),
        ...(specific?.sidecarSpecs ? { sidecarSpecs: specific.sidecarSpecs } : {}),
      },
    };
  }

  #labels(run: PipelineRun, task: PipelineTask, own: Record<string, string> = {}): Record<string, string> {
    const final = run.status?.pipelineSpec?.finally?.some((candidate) => candidate.name === task.name);
    return {
      ...own,
      ...run.metadata.labels,
      'tekton.dev/pipeline': run.spec?.pipelineRef?.name ?? run.metadata.name,
      'tekton.dev/pipelineRun': run.metadata.name,
      'tekton.dev/pipelineRunUID': run.metadata.uid ?? '',
      'tekton.dev/pipelineTask': task.name,
      'tekton.dev/memberOf': final ? 'finally' : 'tasks',
      ...(task.taskRef?.name ? { 'tekton.dev/task': task.taskRef.name } : {}),
    };
  }

  async #workspaces(run: PipelineRun, spec: PipelineSpec, task: PipelineTask): Promise<WorkspaceBinding[]> {
    const bindings = new Map((run.spec?.workspaces ?? []).map((binding) => [binding.name, binding]));
    const wanted = task.workspaces ?? [];
    const result: WorkspaceBinding[] = [];
    for (const { name, workspace = name, subPath } of wanted) {
      const binding = bindings.get(workspace);
      if (!binding) {
        if (spec.workspaces?.find((declared) => declared.name === workspace)?.optional) continue;
        throw invalid(
          `task "${task.name}" uses the workspace "${workspace}", which PipelineRun ${run.metadata.name} does not bind`,
        );
      }
      const path = [binding.subPath, subPath].filter(Boolean).join('/');
      const { volumeClaimTemplate, ...rest } = binding;
      const source = volumeClaimTemplate
        ? { persistentVolumeClaim: { claimName: await this.#claim(run, binding) } }
        : rest;
      result.push({ ...source, name, ...(path === '' ? {} : { subPath: path }) });
    }
    return result;
  }

  async #claim(run: PipelineRun, binding: WorkspaceBinding): Promise<string> {
    const name = deterministicName('pvc', [run.metadata.uid ?? '', binding.name]);
    const claim: PersistentVolumeClaim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name,
        namespace: run.metadata.namespace ?? '',
        ownerReferences: [ownedBy(run)],
        labels: binding.volumeClaimTemplate?.metadata?.labels ?? {},
      },
      spec: binding.volumeClaimTemplate?.spec as object,
    };
    await createIfAbsent(this.#store, keyOf(kinds.PersistentVolumeClaim, claim), claim);
    return name;
  }

  async #record(
    key: ResourceKey,
    spec: PipelineSpec,
    { plan, created }: { plan: PipelinePlan; created: string[] },
  ): Promise<void> {
    const now = timestamp(this.#clock);
    await mutateStatus<PipelineRun>(this.#store, key, (draft) => {
      const status: PipelineRunStatus = draft.status ?? {};
      const before = findCondition(status.conditions, 'Succeeded');
      const same = before?.status === plan.condition.status && before.reason === plan.condition.reason;
      draft.status = {
        ...status,
        conditions: [{ ...plan.condition, lastTransitionTime: same ? before.lastTransitionTime! : now }],
        childReferences: childReferences(draft, spec, created),
        ...(plan.skipped.length > 0 ? { skippedTasks: [...plan.skipped] } : {}),
        ...(plan.results.length > 0 ? { results: [...plan.results] } : {}),
        ...(plan.finallyStarted ? { finallyStartTime: status.finallyStartTime ?? now } : {}),
        ...(plan.done ? { completionTime: now } : {}),
      };
    });
  }

  async #refuse(
    key: ResourceKey,
    condition: { status: 'False' | 'Unknown'; reason: string; message: string },
  ): Promise<undefined> {
    const now = timestamp(this.#clock);
    await mutateStatus<PipelineRun>(this.#store, key, (draft) => {
      if (draft.status?.completionTime) return false;
      draft.status = {
        ...draft.status,
        conditions: withCondition(draft.status?.conditions, { type: 'Succeeded', ...condition }, now),
      };
      if (condition.status === 'False')
        draft.status = { startTime: now, ...draft.status, completionTime: now };
      return undefined;
    });
    return undefined;
  }

  #taskRunKey(run: PipelineRun, task: string): ResourceKey {
    return {
      type: kinds.TaskRun,
      namespace: run.metadata.namespace ?? '',
      name: taskRunName(run.metadata.name, task),
    };
  }
}

function childReferences(run: PipelineRun, spec: PipelineSpec, created: readonly string[]) {
  const known = run.status?.childReferences ?? [];
  const added = [...spec.tasks, ...(spec.finally ?? [])].filter(
    (task) => created.includes(task.name) && !known.some((child) => child.pipelineTaskName === task.name),
  );
  return [
    ...known,
    ...added.map((task) => ({
      apiVersion: 'tekton.dev/v1',
      kind: 'TaskRun',
      name: taskRunName(run.metadata.name, task.name),
      pipelineTaskName: task.name,
      ...(task.when ? { whenExpressions: task.when } : {}),
    })),
  ];
}

/** The PipelineRun that a changed TaskRun belongs to. */
export function pipelineRunOfTaskRun(taskRun: KubernetesObject): ResourceKey[] {
  const owner = controllerOf(taskRun);
  return owner?.kind === 'PipelineRun'
    ? [{ type: kinds.PipelineRun, namespace: taskRun.metadata.namespace ?? '', name: owner.name }]
    : [];
}
