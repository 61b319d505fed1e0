import type { WhenExpression } from './tekton-task.ts';

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
  readonly breakpoints?: StepBreakpoints;
}

/** Where a step waits for somebody who looks at it (Tekton docs, debug.md); where absent, it runs through. */
export interface StepBreakpoints {
  /** It waits before its command starts. */
  readonly beforeStep?: true;
  /** It waits when its command has failed, and the steps after it run though one has failed. */
  readonly onFailure?: true;
}

/** The condition of a task's pod that tells, while it is `True`, which step waits at a breakpoint, and how to get in. */
export const atBreakpoint = 'AtBreakpoint';

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
