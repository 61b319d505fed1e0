import type { Container, PodSpec, Volume } from './core.ts';
import type { Condition, KubernetesObject } from './object.ts';

export type ParamValue = string | string[] | Record<string, string>;

export interface Param {
  name: string;
  value: ParamValue;
}

export interface ParamSpec {
  name: string;
  type?: 'string' | 'array' | 'object';
  description?: string;
  default?: ParamValue;
  enum?: string[];
  properties?: Record<string, { type?: string }>;
}

export interface WhenExpression {
  input?: string;
  operator?: 'in' | 'notin';
  values?: string[];
  cel?: string;
}

export interface Step extends Omit<Container, 'name' | 'resources'> {
  name?: string;
  script?: string;
  timeout?: string;
  onError?: 'continue' | 'stopAndFail';
  ref?: { name?: string; resolver?: string; params?: Param[] };
  params?: Param[];
  results?: TaskResult[];
  when?: WhenExpression[];
  workspaces?: { name: string; mountPath?: string }[];
  computeResources?: Container['resources'];
  displayName?: string;
  stdoutConfig?: { path: string };
  stderrConfig?: { path: string };
}

export interface TaskResult {
  name: string;
  type?: 'string' | 'array' | 'object';
  description?: string;
  properties?: Record<string, { type?: string }>;
  value?: ParamValue;
}

export interface WorkspaceDeclaration {
  name: string;
  description?: string;
  mountPath?: string;
  readOnly?: boolean;
  optional?: boolean;
}

export interface WorkspaceBinding {
  name: string;
  subPath?: string;
  emptyDir?: object;
  persistentVolumeClaim?: { claimName: string };
  volumeClaimTemplate?: { metadata?: { name?: string; labels?: Record<string, string> }; spec: object };
  configMap?: Volume['configMap'];
  secret?: Volume['secret'];
  projected?: Volume['projected'];
  csi?: object;
}

export interface Sidecar extends Omit<Container, 'resources'> {
  script?: string;
  workspaces?: { name: string; mountPath?: string }[];
  computeResources?: Container['resources'];
}

export interface TaskSpec {
  description?: string;
  displayName?: string;
  params?: ParamSpec[];
  results?: TaskResult[];
  steps: Step[];
  stepTemplate?: Partial<Container>;
  sidecars?: Sidecar[];
  volumes?: Volume[];
  workspaces?: WorkspaceDeclaration[];
}

export type Task = KubernetesObject<TaskSpec>;

export interface StepActionSpec
  extends Pick<
    Step,
    'image' | 'command' | 'args' | 'env' | 'script' | 'workingDir' | 'volumeMounts' | 'results'
  > {
  description?: string;
  params?: ParamSpec[];
  securityContext?: Container['securityContext'];
}

export type StepAction = KubernetesObject<StepActionSpec>;

/** Where a Task, Pipeline or StepAction comes from: a name in the namespace, or a remote resolver with its params. */
export interface Reference {
  name?: string;
  kind?: string;
  apiVersion?: string;
  resolver?: string;
  params?: Param[];
}

export interface PipelineTask {
  name: string;
  displayName?: string;
  description?: string;
  taskRef?: Reference;
  taskSpec?: TaskSpec & {
    metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
    apiVersion?: string;
    kind?: string;
    spec?: unknown;
  };
  pipelineRef?: Reference;
  pipelineSpec?: PipelineSpec;
  params?: Param[];
  when?: WhenExpression[];
  runAfter?: string[];
  retries?: number;
  timeout?: string;
  onError?: 'continue' | 'stopAndFail';
  workspaces?: { name: string; workspace?: string; subPath?: string }[];
  matrix?: { params?: Param[]; include?: { name?: string; params?: Param[] }[] };
}

export interface PipelineSpec {
  description?: string;
  displayName?: string;
  params?: ParamSpec[];
  workspaces?: { name: string; description?: string; optional?: boolean }[];
  tasks: PipelineTask[];
  finally?: PipelineTask[];
  results?: { name: string; type?: string; description?: string; value: ParamValue }[];
}

export type Pipeline = KubernetesObject<PipelineSpec>;

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

export interface Provenance {
  refSource?: { uri?: string; digest?: Record<string, string>; entryPoint?: string };
  featureFlags?: object;
}

export type PipelineRun = KubernetesObject<PipelineRunSpec, PipelineRunStatus>;

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

export interface StepState {
  name: string;
  container: string;
  imageID?: string;
  waiting?: object;
  running?: { startedAt: string };
  terminated?: {
    exitCode: number;
    reason?: string;
    message?: string;
    startedAt?: string;
    finishedAt?: string;
  };
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

/**
 * How a node runs the containers of a task's pod: one after the other, which on a cluster Tekton's entrypoint does.
 * Stored as JSON in the pod annotation `tagboat.dev/steps`. Containers that are not steps are sidecars: they start
 * first, are awaited until they are ready, and are stopped when the last step has ended.
 */
export interface PodSteps {
  readonly steps: readonly PodStep[];
  /** Task results, read from `/tekton/results/<name>` after each step. */
  readonly results: readonly { name: string; type: string }[];
  /** Scripts of sidecars. */
  readonly sidecars?: readonly { container: string; script: string }[];
  /** Secrets of the service account that git and registry clients shall use. */
  readonly credentials?: readonly string[];
  /** For how long an image that cannot be pulled is tried again. */
  readonly imagePullMilliseconds?: number;
  readonly reuse?: StepReuse;
}

export interface PodStep {
  readonly container: string;
  /** Placed as an executable file and run with the container's args; its first line is a shebang. */
  readonly script?: string;
  readonly onError?: 'continue' | 'stopAndFail';
  readonly timeoutMilliseconds?: number;
  /** Step results, read from `/tekton/steps/<container>/results/<name>`. */
  readonly results?: readonly { name: string; type: string }[];
  readonly when?: readonly WhenExpression[];
  readonly stdoutPath?: string;
  readonly stderrPath?: string;
}

/** What a task declares so that the same work need not be done twice (annotations of the Task). */
export interface StepReuse {
  /** Everything that decides the outcome besides files: steps, params, versions. Hashed. */
  readonly identity: string;
  /** Paths as the steps see them whose content belongs to the key. */
  readonly inputs: readonly string[];
  /** Paths whose content is kept, and put back when the work is reused. */
  readonly outputs: readonly string[];
}

export const podStepsAnnotation = 'tagboat.dev/steps';

/** On runs and what is made of them: the Secrets whose values are in their text, as JSON `[{name, key}]`; logs mask them. */
export const maskedSecretsAnnotation = 'tagboat.dev/masked-secrets';

/** On a pod that took an earlier run's outcome: the key it was found by. */
export const reusedAnnotation = 'tagboat.dev/reused';

/** One entry of a step container's termination message, which is a JSON list of these (Tekton's `RunResult`). */
export interface RunResult {
  readonly key: string;
  readonly value: string;
  /** 1: task result, 3: internal (`StartedAt`, `ExitCode`, `Reason`), 4: step result, 5 and 6: artifacts of step and task. */
  readonly type: 1 | 3 | 4 | 5 | 6;
}

/** A param value type as declared or as its default or value shows. */
export function typeOfParam(value: ParamValue | undefined): 'string' | 'array' | 'object' {
  return Array.isArray(value) ? 'array' : value !== null && typeof value === 'object' ? 'object' : 'string';
}

/** A run's results by name, as text. */
export function resultsOf(run: PipelineRun): Record<string, string> {
  return Object.fromEntries((run.status?.results ?? []).map(({ name, value }) => [name, String(value)]));
}

/** On the status of a failed TaskRun: the last words of the step that failed, which Tekton's own message does not hold; of a PipelineRun: which task, which step, and its words. */
export const failureAnnotation = 'tagboat.dev/failure';

/** Why a TaskRun failed, as a person wants to know it: the failed step's last words, else its condition's message. */
export function failureText(run: TaskRun): string {
  const condition = run.status?.conditions?.find(({ type }) => type === 'Succeeded');
  return run.status?.annotations?.[failureAnnotation] ?? condition?.message ?? '';
}
