import type {
  Condition,
  ContainerStatus,
  ParamValue,
  Pod,
  RunResult,
  StepState,
  TaskResult,
  TaskRun,
  TaskRunStatus,
  TaskSpec,
} from '@tagboat/api';
import { stepContainerName } from './task-pod.ts';

/** What a pod's status says about the TaskRun it runs. */
export interface PodOutcome {
  readonly condition: Condition;
  readonly steps: readonly StepState[];
  readonly results: readonly TaskResult[];
  readonly done: boolean;
}

/** Reads steps, results and the condition off a task's pod. Pure. */
export function outcomeOfPod(taskRun: TaskRun, spec: TaskSpec, pod: Pod): PodOutcome {
  const statuses = new Map((pod.status?.containerStatuses ?? []).map((status) => [status.name, status]));
  const steps = spec.steps.map((step, index) => {
    const container = stepContainerName(step, index);
    return stepState(container, step.name ?? `unnamed-${index}`, statuses.get(container), step.onError);
  });
  const results = collectResults(spec, statuses);
  const phase = pod.status?.phase ?? 'Pending';
  const says = (status: Condition['status'], reason: string, message: string): Condition => ({
    type: 'Succeeded',
    status,
    reason,
    message,
  });
  if (phase === 'Succeeded')
    return {
      steps,
      results,
      done: true,
      condition:
        checkResults(spec, results) ?? says('True', 'Succeeded', 'All Steps have completed executing'),
    };
  if (phase === 'Failed')
    return {
      steps,
      results,
      done: true,
      condition: says('False', failureReason(pod), failureMessage(taskRun, pod, steps)),
    };
  const waiting = pod.status?.message ?? 'Not all Steps in the Task have finished executing';
  return {
    steps,
    results,
    done: false,
    condition:
      phase === 'Running'
        ? says('Unknown', 'Running', waiting)
        : says('Unknown', 'Pending', pod.status?.message ?? 'pod status is pending'),
  };
}

function stepState(
  container: string,
  name: string,
  status: ContainerStatus | undefined,
  onError: string | undefined,
): StepState {
  const { state, imageID } = status ?? {};
  const internal = termination(status);
  const reason = internal.find((entry) => entry.key === 'Reason')?.value;
  const exitCode = internal.find((entry) => entry.key === 'ExitCode')?.value;
  const results = internal
    .filter((entry) => entry.type === 4)
    .map((entry) => ({ name: entry.key, type: 'string' as const, value: decode(entry.value, 'string') }));
  const terminated = state?.terminated && {
    ...state.terminated,
    ...(exitCode === undefined ? {} : { exitCode: Number(exitCode) }),
  };
  return {
    name,
    container,
    ...(imageID ? { imageID } : {}),
    ...(state?.waiting ? { waiting: state.waiting } : {}),
    ...(state?.running ? { running: state.running } : {}),
    ...(terminated ? { terminated } : {}),
    ...(terminated
      ? {
          terminationReason:
            reason ??
            (terminated.exitCode === 0 ? 'Completed' : onError === 'continue' ? 'Continued' : 'Error'),
        }
      : {}),
    ...(results.length > 0 ? { results } : {}),
  };
}

function termination(status: ContainerStatus | undefined): RunResult[] {
  const message = status?.state?.terminated?.message;
  if (!message?.startsWith('[')) return [];
  try {
    return JSON.parse(message) as RunResult[];
  } catch {
    // A step can write anything to its termination message; what is no list of results is text for people.
    return [];
  }
}

function collectResults(spec: TaskSpec, statuses: ReadonlyMap<string, ContainerStatus>): TaskResult[] {
  const values = new Map<string, string>();
  for (const [index, step] of spec.steps.entries())
    for (const entry of termination(statuses.get(stepContainerName(step, index))))
      if (entry.type === 1) values.set(entry.key, entry.value);
  return (spec.results ?? []).flatMap(({ name, type = 'string' }) => {
    const text = values.get(name);
    return text === undefined ? [] : [{ name, type, value: decode(text, type) }];
  });
}

function decode(text: string, type: string): ParamValue {
  if (type === 'string') return text;
  try {
    return JSON.parse(text) as ParamValue;
  } catch {
    return text;
  }
}

function checkResults(spec: TaskSpec, results: readonly TaskResult[]): Condition | undefined {
  for (const { name, type = 'string' } of spec.results ?? []) {
    const value = results.find((result) => result.name === name)?.value;
    const found = Array.isArray(value) ? 'array' : typeof value;
    if (value !== undefined && found !== type)
      return {
        type: 'Succeeded',
        status: 'False',
        reason: 'TaskRunValidationFailed',
        message: `invalid result value: expected result "${name}" to be of type ${type}, found ${found}`,
      };
  }
  return undefined;
}

function failureReason(pod: Pod): string {
  if (pod.status?.reason === 'ImagePullFailed' || pod.status?.reason === 'ImagePullBackOff')
    return 'TaskRunImagePullFailed';
  if (pod.status?.reason === 'ResultsTooLarge') return 'TaskRunResultLargerThanAllowedLimit';
  return 'Failed';
}

function failureMessage(taskRun: TaskRun, pod: Pod, steps: readonly StepState[]): string {
  const failed = steps.find(
    (step) =>
      step.terminated &&
      step.terminated.exitCode !== 0 &&
      step.terminationReason !== 'Continued' &&
      step.terminationReason !== 'Skipped',
  );
  if (failed?.terminationReason === 'TimeoutExceeded')
    return `"${failed.container}" exited because the step exceeded the specified timeout limit`;
  if (failed)
    return `"${failed.container}" exited with code ${failed.terminated!.exitCode}: ${pod.status?.message ?? `see: tagboat logs ${taskRun.metadata.name}`}`;
  return pod.status?.message ?? 'the pod failed';
}

/** The status of a TaskRun that will not run again; keeps what was there. */
export function ended(status: TaskRunStatus, condition: Condition, now: string): TaskRunStatus {
  return { ...status, conditions: [{ ...condition, lastTransitionTime: now }], completionTime: now };
}
