import {
  atBreakpoint,
  type Condition,
  type ContainerStatus,
  failureAnnotation,
  type Pod,
  reusedAnnotation,
  type StepState,
  stepsStillRun,
  type TaskResult,
  type TaskRun,
  type TaskRunStatus,
  type TaskSpec,
} from '@tagboat/api';
import {
  artifactsOf,
  collectResults,
  resultTypeProblem,
  stepResultsOf,
  termination,
} from './task-results.ts';
import { stepContainerName } from './task-variables.ts';

/** What a pod's status says about the TaskRun it runs. */
export interface PodOutcome {
  readonly condition: Condition;
  readonly status: Pick<
    TaskRunStatus,
    'steps' | 'sidecars' | 'results' | 'artifacts' | 'annotations' | 'timing'
  >;
  readonly done: boolean;
}

/** Reads steps, results and the condition off a task's pod. Pure. */
export function outcomeOfPod(taskRun: TaskRun, spec: TaskSpec, pod: Pod): PodOutcome {
  const statuses = new Map((pod.status?.containerStatuses ?? []).map((status) => [status.name, status]));
  const provenances = new Map((taskRun.status?.steps ?? []).map((step) => [step.name, step.provenance]));
  const phase = pod.status?.phase ?? 'Pending';
  const done = phase === 'Succeeded' || phase === 'Failed';
  const steps = spec.steps.flatMap((step, index) => {
    const container = stepContainerName(step, index);
    const status = statuses.get(container);
    if (!status) return [];
    const name = step.name || `unnamed-${index}`;
    const provenance = provenances.get(name);
    return [
      {
        ...stepState(container, name, status),
        ...stepResultsOf(step, status),
        ...(provenance ? { provenance } : {}),
      },
    ];
  });
  const sidecars = (spec.sidecars ?? []).flatMap((sidecar) => {
    const name = sidecar.name || 'unnamed';
    const status = statuses.get(`sidecar-${name}`);
    return status ? [containerState(`sidecar-${name}`, name, status)] : [];
  });
  const results = done ? collectResults(spec, statuses) : [];
  const artifacts = done ? artifactsOf(spec, statuses) : undefined;
  const condition = conditionOf({ taskRun, spec, pod, steps, results });
  return {
    done: condition.status !== 'Unknown',
    condition,
    status: {
      ...(steps.length > 0 ? { steps } : {}),
      ...(sidecars.length > 0 ? { sidecars } : {}),
      ...(results.length > 0 ? { results } : {}),
      ...(artifacts ? { artifacts } : {}),
      ...stepTiming([...statuses.values()]),
      ...annotationsOf(pod, condition),
    },
  };
}

function stepTiming(statuses: readonly ContainerStatus[]): Pick<TaskRunStatus, 'timing'> {
  const spans = statuses.flatMap((status) => {
    const value = (name: string) =>
      termination(status).find(({ key, type }) => type === 3 && key === name)?.value;
    const [startedAt, finishedAt] = [value('StartedAt'), value('FinishedAt')];
    return startedAt && finishedAt ? [{ startedAt, finishedAt }] : [];
  });
  if (spans.length === 0) return {};
  const run = spans.reduce((sum, span) => sum + Date.parse(span.finishedAt) - Date.parse(span.startedAt), 0);
  return {
    timing: {
      startedAt: spans.map(({ startedAt }) => startedAt).sort()[0]!,
      finishedAt: spans
        .map(({ finishedAt }) => finishedAt)
        .sort()
        .at(-1)!,
      runSeconds: run / 1000,
    },
  };
}

/** What a cluster would refuse, what was reused, and the last words of the step that failed. */
function annotationsOf(pod: Pod, condition: Condition): Pick<TaskRunStatus, 'annotations'> {
  const annotations: Record<string, string> = {};
  for (const { type, message } of pod.status?.conditions ?? []) {
    if (!message) continue;
    if (type === 'ResultsLargerThanTekton') annotations['tagboat.dev/warnings'] = message;
    if (type === 'Reused') annotations[reusedAnnotation] = message;
  }
  if (condition.status === 'False' && pod.status?.message)
    annotations[failureAnnotation] = pod.status.message;
  return Object.keys(annotations).length > 0 ? { annotations } : {};
}

const says = (status: Condition['status'], reason: string, message: string): Condition => ({
  type: 'Succeeded',
  status,
  reason,
  message,
});

interface ConditionInput {
  readonly taskRun: TaskRun;
  readonly spec: TaskSpec;
  readonly pod: Pod;
  readonly steps: readonly StepState[];
  readonly results: readonly TaskResult[];
}

const ignoresErrors = (taskRun: TaskRun) =>
  taskRun.metadata.annotations?.['pipeline.tekton.dev/pipeline-task-on-error'] === 'continue';

function conditionOf(input: ConditionInput): Condition {
  const { taskRun, spec, pod, steps, results } = input;
  const { phase = 'Pending' } = pod.status ?? {};
  if (phase === 'Succeeded') {
    const problem = resultTypeProblem(spec, results);
    if (problem) return says('False', 'TaskRunValidationFailed', problem);
    return says('True', 'Succeeded', 'All Steps have completed executing');
  }
  if (phase === 'Failed')
    return says(
      'False',
      ignoresErrors(taskRun) ? 'FailureIgnored' : failureReason(pod, failedContainer(pod)),
      failureMessage(taskRun, pod, steps),
    );
  if (phase === 'Running') {
    const waits = pod.status?.conditions?.find(
      ({ type, status }) => type === atBreakpoint && status === 'True',
    );
    return says('Unknown', 'Running', waits?.message ?? stepsStillRun);
  }
  const unscheduled = pod.status?.conditions?.find(
    ({ type, status, reason }) => type === 'PodScheduled' && status === 'False' && reason === 'Unschedulable',
  );
  if (unscheduled)
    return says('Unknown', 'ExceededNodeResources', 'TaskRun Pod exceeded available resources');
  return says('Unknown', 'Pending', pod.status?.message ?? 'Pending');
}

type ContainerStateOf = Omit<StepState, 'terminationReason' | 'results'>;

function containerState(container: string, name: string, status: ContainerStatus): ContainerStateOf {
  const { state, imageID } = status;
  return {
    name,
    container,
    ...(imageID ? { imageID } : {}),
    ...(state?.waiting ? { waiting: state.waiting } : {}),
    ...(state?.running ? { running: state.running } : {}),
    ...(state?.terminated ? { terminated: state.terminated } : {}),
  };
}

function stepState(container: string, name: string, status: ContainerStatus): StepState {
  const internal = termination(status);
  const value = (key: string) => internal.find((entry) => entry.type === 3 && entry.key === key)?.value;
  const shown = containerState(container, name, status);
  const { terminated } = shown;
  if (!terminated) return shown;
  const [startedAt, exitCode, reason] = [value('StartedAt'), value('ExitCode'), value('Reason')];
  const rest = internal.filter(({ type }) => type !== 3);
  const { message: _, ...other } = terminated;
  return {
    ...shown,
    terminated: {
      ...other,
      ...(rest.length > 0 ? { message: JSON.stringify(rest) } : {}),
      ...(startedAt ? { startedAt: `${startedAt.slice(0, 19)}Z` } : {}),
      ...(exitCode === undefined ? {} : { exitCode: Number(exitCode) }),
    },
    terminationReason: reason ?? (exitCode === undefined ? (terminated.reason ?? 'Completed') : 'Continued'),
  };
}

function failureReason(pod: Pod, failed: ContainerStatus | undefined): string {
  switch (pod.status?.reason) {
    case 'ImagePullFailed':
    case 'ImagePullBackOff':
    case 'InvalidImageName':
      return 'TaskRunImagePullFailed';
    case 'ResultsTooLarge':
      return 'TaskRunResultLargerThanAllowedLimit';
    case 'CreateContainerConfigError':
      return 'CreateContainerConfigError';
    case 'FailedMount':
    case 'ContainerCannotRun':
      return 'PodCreationFailed';
    case 'Evicted':
      return 'PodEvicted';
    default:
      return failed ? containerReason(failed) : 'Failed';
  }
}

/** What made a pod fail that ran: what was killed for its memory, else a step (Tekton's `getFailureInfo`). Sidecars are stopped when it ends. */
function failedContainer(pod: Pod): ContainerStatus | undefined {
  const ended = (pod.status?.containerStatuses ?? []).filter(({ state }) => state?.terminated);
  const killed = ended.filter(({ state }) => state!.terminated!.reason === 'OOMKilled');
  const failed = ended.filter(({ state }) => state!.terminated!.exitCode !== 0);
  return killed.find(isSidecar) ?? killed[0] ?? failed.find((status) => !isSidecar(status)) ?? failed[0];
}

const isSidecar = ({ name }: ContainerStatus) => name.startsWith('sidecar-');

const containerReason = (status: ContainerStatus) =>
  `${isSidecar(status) ? 'Sidecar' : 'Step'}${status.state!.terminated!.reason === 'OOMKilled' ? 'OOM' : 'Failed'}`;

function failureMessage(taskRun: TaskRun, pod: Pod, steps: readonly StepState[]): string {
  const failed = failedContainer(pod);
  const reason = failureReason(pod, failed);
  if (reason === 'TaskRunImagePullFailed') {
    const waiting = steps.find(({ waiting }) => waiting) ?? steps[0];
    return `the step "${waiting?.name ?? ''}" in TaskRun "${taskRun.metadata.name}" failed to pull the image "${waiting?.imageID ?? ''}". The pod errored with the message: "${pod.status?.message ?? ''}."`;
  }
  const ran = reason === 'Failed' || (failed && reason === containerReason(failed));
  if (!ran) return pod.status?.message ?? 'the pod could not run';
  if (
    failed &&
    steps.find(({ container }) => container === failed.name)?.terminationReason === 'TimeoutExceeded'
  )
    return `"${failed.name}" exited because the step exceeded the specified timeout limit`;
  if (failed)
    return `"${failed.name}" exited with code ${failed.state!.terminated!.exitCode}: ${failed.state!.terminated!.reason ?? 'Error'}`;
  return pod.status?.message ?? 'build failed for unspecified reasons.';
}

/** The status of a TaskRun that will not run again; keeps what was there. */
export function ended(status: TaskRunStatus, condition: Condition, now: string): TaskRunStatus {
  return { ...status, conditions: [{ ...condition, lastTransitionTime: now }], completionTime: now };
}
