import type { StepReuse, TaskRun, TaskSpec } from '@tagboat/api';
import { canonicalJson, sha256 } from '@tagboat/base';

/** `always` on a Task or a TaskRun: work that was done once with the same inputs is not done again. */
export const reuseAnnotation = 'tagboat.dev/reuse';
/** Comma-separated paths, as steps see them, whose content decides the outcome; `$(workspaces.x.path)` may be used. */
export const reuseInputsAnnotation = 'tagboat.dev/reuse-inputs';
/** Comma-separated paths whose content is the outcome, beside the task's results. */
export const reuseOutputsAnnotation = 'tagboat.dev/reuse-outputs';

/** What a task declares about reuse; nothing declared, nothing reused. */
export function declaredReuse(taskRun: TaskRun, spec: TaskSpec): StepReuse | undefined {
  const annotations = taskRun.metadata.annotations ?? {};
  if (annotations[reuseAnnotation] !== 'always') return undefined;
  const paths = (name: string) =>
    (annotations[name] ?? '')
      .split(',')
      .map((path) => pathOf(path.trim(), spec, taskRun))
      .filter((path) => path !== '');
  const { steps, stepTemplate, results, params } = spec;
  return {
    // Steps stand here with their params, images and versions replaced; names of the run are not part of them.
    identity: sha256(
      canonicalJson({
        steps: withoutRunNames(steps, taskRun),
        stepTemplate: stepTemplate ?? null,
        results: results ?? [],
        params: params ?? [],
        values: taskRun.spec?.params ?? [],
      }),
    ),
    inputs: paths(reuseInputsAnnotation),
    outputs: paths(reuseOutputsAnnotation),
  };
}

function pathOf(path: string, spec: TaskSpec, taskRun: TaskRun): string {
  return path.replace(/\$\(workspaces\.([\w.-]+)\.path\)/g, (whole, name: string) => {
    const bound = taskRun.spec?.workspaces?.some((binding) => binding.name === name);
    const declared = spec.workspaces?.find((workspace) => workspace.name === name);
    return bound ? (declared?.mountPath ?? `/workspace/${name}`) : whole;
  });
}

/** A step that uses the name or uid of its run still does the same work in the next run. */
function withoutRunNames(steps: TaskSpec['steps'], taskRun: TaskRun): unknown {
  const { name, uid } = taskRun.metadata;
  let text = JSON.stringify(steps);
  for (const word of [uid, name]) if (word) text = text.replaceAll(word, '<run>');
  return JSON.parse(text);
}
