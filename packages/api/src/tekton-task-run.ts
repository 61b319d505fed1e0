import type { Container, ContainerState, PodSpec } from './core.ts';
import type { Condition, KubernetesObject } from './object.ts';
import type { Param, Reference, TaskResult, TaskSpec, WorkspaceBinding } from './tekton-task.ts';

export interface TaskRunSpec {
  taskRef?: Reference;
  taskSpec?: TaskSpec;
  params?: Param[];
  workspaces?: WorkspaceBinding[];
  serviceAccountName?: string;
  timeout?: string;
  retries?: number;
  podTemplate?: Partial<PodSpec>;
  computeResources?: Container['resources'];
  stepSpecs?: { name: string; computeResources?: Container['resources'] }[];
  sidecarSpecs?: { name: string; computeResources?: Container['resources'] }[];
  /** The controller that runs it, where it is not Tekton's. */
  managedBy?: string;
  status?: 'TaskRunCancelled' | 'TaskRunPending' | '';
  statusMessage?: string;
  debug?: { breakpoints?: { onFailure?: string; beforeSteps?: string[] } };
}

/** Tekton's message of a TaskRun that runs. Another one says what it waits for. */
export const stepsStillRun = 'Not all Steps in the Task have finished executing';

/** A container's state, as Tekton's `StepState` has it. */
export interface StepState extends ContainerState {
  name: string;
  container: string;
  imageID?: string;
  terminationReason?: string;
  results?: TaskResult[];
  inputs?: Artifact[];
  outputs?: Artifact[];
  provenance?: Provenance;
}

/** What a step says it used or made (Tekton docs, artifacts.md). */
export interface Artifact {
  name: string;
  buildOutput?: boolean;
  values?: { uri?: string; digest?: Record<string, string> }[];
}

export interface Artifacts {
  inputs?: Artifact[];
  outputs?: Artifact[];
}

export interface TaskRunStatus {
  observedGeneration?: number;
  conditions?: Condition[];
  podName?: string;
  startTime?: string;
  completionTime?: string;
  steps?: StepState[];
  sidecars?: Omit<StepState, 'terminationReason' | 'results'>[];
  results?: TaskResult[];
  taskSpec?: TaskSpec;
  retriesStatus?: TaskRunStatus[];
  artifacts?: Artifacts;
  provenance?: Provenance;
  timing?: StepTiming;
  /** What a cluster would refuse, and other things to know about this run. */
  annotations?: Record<string, string>;
}

/** When a TaskRun's steps ran, to the millisecond; not part of Tekton's status. */
export interface StepTiming {
  /** Of the first step. */
  startedAt: string;
  /** Of the last step that ran. */
  finishedAt: string;
  /** In steps. */
  runSeconds: number;
  /** When the TaskRun was known to be over. */
  completedAt?: string;
}

export type TaskRun = KubernetesObject<TaskRunSpec, TaskRunStatus>;

export interface Provenance {
  refSource?: { uri?: string; digest?: Record<string, string>; entryPoint?: string };
  featureFlags?: object;
}

/** On the status of a failed TaskRun: the last words of the step that failed, which Tekton's own message does not hold; of a PipelineRun: which task, which step, and its words. */
export const failureAnnotation = 'tagboat.dev/failure';

/** Why a TaskRun failed, as a person wants to know it: the failed step's last words, else its condition's message. */
export function failureText(run: { status?: Pick<TaskRunStatus, 'conditions' | 'annotations'> }): string {
  const condition = run.status?.conditions?.find(({ type }) => type === 'Succeeded');
  return run.status?.annotations?.[failureAnnotation] ?? condition?.message ?? '';
}
