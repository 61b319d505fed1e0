import type { Container, PodSpec } from './core.ts';
import type { Condition, KubernetesObject } from './object.ts';
import type { PipelineSpec } from './tekton-pipeline.ts';
import type { Param, ParamValue, Reference, WhenExpression, WorkspaceBinding } from './tekton-task.ts';
import type { Provenance } from './tekton-task-run.ts';

export interface PipelineRunSpec {
  pipelineRef?: Reference;
  pipelineSpec?: PipelineSpec;
  params?: Param[];
  workspaces?: WorkspaceBinding[];
  timeouts?: { pipeline?: string; tasks?: string; finally?: string };
  taskRunTemplate?: { serviceAccountName?: string; podTemplate?: Partial<PodSpec> };
  taskRunSpecs?: {
    pipelineTaskName: string;
    timeout?: string;
    serviceAccountName?: string;
    podTemplate?: Partial<PodSpec>;
    computeResources?: Container['resources'];
    stepSpecs?: { name: string; computeResources?: Container['resources'] }[];
    sidecarSpecs?: { name: string; computeResources?: Container['resources'] }[];
    metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  }[];
  /** The controller that runs it, where it is not Tekton's. */
  managedBy?: string;
  status?: 'Cancelled' | 'CancelledRunFinally' | 'StoppedRunFinally' | 'PipelineRunPending' | '';
}

export interface ChildReference {
  apiVersion: string;
  kind: string;
  name: string;
  displayName?: string;
  pipelineTaskName: string;
  whenExpressions?: WhenExpression[];
}

export interface SkippedTask {
  name: string;
  reason: string;
  whenExpressions?: WhenExpression[];
}

export interface PipelineRunStatus {
  observedGeneration?: number;
  conditions?: Condition[];
  startTime?: string;
  completionTime?: string;
  finallyStartTime?: string;
  pipelineSpec?: PipelineSpec;
  childReferences?: ChildReference[];
  skippedTasks?: SkippedTask[];
  results?: { name: string; value: ParamValue }[];
  provenance?: Provenance;
  timing?: RunTiming;
  annotations?: Record<string, string>;
}

/** Where a run's time went, in seconds; not part of Tekton's status. */
export interface RunTiming {
  /** The pipeline tasks that decided how long the run took, first to last. */
  criticalPath: string[];
  criticalPathSeconds: number;
  /** From creation of the run to the start of its first pod: in the queue, and waiting for a place on the node. */
  queuedSeconds: number;
  /** When the first task began, to the millisecond; absent where none did. */
  startedAt?: string;
  /** When the last task was over. */
  completedAt?: string;
  /** In steps, on the critical path. */
  runSeconds: number;
  tasks: Record<string, TaskTiming>;
}

export interface TaskTiming {
  /** From when the task could have started (its parents ended) to its pod's start. */
  waitSeconds: number;
  /** In its steps. */
  runSeconds: number;
  /** The rest of its time: making the pod, between steps, reading results. */
  overheadSeconds: number;
}

export type PipelineRun = KubernetesObject<PipelineRunSpec, PipelineRunStatus>;

/** A run's results by name, as text. */
export function resultsOf(run: PipelineRun): Record<string, string> {
  return Object.fromEntries((run.status?.results ?? []).map(({ name, value }) => [name, String(value)]));
}
