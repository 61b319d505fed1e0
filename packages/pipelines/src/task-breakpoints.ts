import type { Step, StepBreakpoints, TaskRun, TaskSpec, Volume, VolumeMount } from '@tagboat/api';

const scripts = 'tekton-internal-debug-scripts';
const info = 'tekton-internal-debug-info';

const declared = (taskRun: TaskRun) => taskRun.spec?.debug?.breakpoints ?? {};

/** Whether a TaskRun declares breakpoints (Tekton docs, debug.md). */
export function isDebugged(taskRun: TaskRun): boolean {
  const { onFailure, beforeSteps = [] } = declared(taskRun);
  return onFailure === 'enabled' || beforeSteps.length > 0;
}

/** Where a step of a TaskRun waits; undefined where it runs through. */
export function breakpointsOf(taskRun: TaskRun, { name }: Step): StepBreakpoints | undefined {
  const { onFailure, beforeSteps = [] } = declared(taskRun);
  const beforeStep = name !== undefined && beforeSteps.includes(name);
  if (!beforeStep && onFailure !== 'enabled') return undefined;
  return {
    ...(beforeStep ? { beforeStep: true } : {}),
    ...(onFailure === 'enabled' ? { onFailure: true } : {}),
  };
}

/** What every step of a debugged TaskRun mounts: its own scripts, and a directory that is named as its number. */
export function debugMounts(taskRun: TaskRun, index: number): VolumeMount[] {
  if (!isDebugged(taskRun)) return [];
  return [
    { name: scripts, mountPath: '/tekton/debug/scripts', subPath: String(index), readOnly: true },
    { name: info, mountPath: `/tekton/debug/info/${index}` },
  ];
}

/** The volumes behind `debugMounts`. */
export const debugVolumes = (taskRun: TaskRun): Volume[] =>
  isDebugged(taskRun) ? [scripts, info].map((name) => ({ name, emptyDir: {} })) : [];

/** The names of `beforeSteps` that no step has. */
export const stepsNotThere = (taskRun: TaskRun, { steps }: TaskSpec): string[] =>
  (declared(taskRun).beforeSteps ?? []).filter((name) => !steps.some((step) => step.name === name));
