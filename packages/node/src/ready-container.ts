import type { Container, PodStep } from '@tagboat/api';
import type { PreparedTask } from './prepare-task.ts';
import type { StepFiles } from './step-files.ts';

export interface TaskStep {
  readonly container: Container;
  readonly step: PodStep;
  readonly index: number;
}

/** The container of a step with the values of earlier steps in it, its script placed, its home made. */
export async function readyStep(
  { earlier, credentials }: PreparedTask,
  files: StepFiles,
  { container, step, index }: TaskStep,
): Promise<Container> {
  const env = await Promise.all(
    (container.env ?? []).map(async (item) =>
      item.value === undefined ? item : { ...item, value: await earlier.text(item.value) },
    ),
  );
  const script = step.script === undefined ? undefined : `script-${index}`;
  if (script) files.place(script, await earlier.text(step.script!));
  const command = script ? [`/tekton/scripts/${script}`] : await earlier.words(container.command ?? []);
  const args = await earlier.words(container.args ?? []);
  const ready = files.complete(withScripts({ ...container, command, args, env }));
  if (credentials) await files.giveCredentials(credentials, index);
  return ready;
}

/** The containers of a task's sidecars, with their scripts placed and their homes made. */
export async function readySidecars(
  { plan, containers, earlier }: PreparedTask,
  files: StepFiles,
): Promise<Container[]> {
  const steps = new Set(plan.steps.map(({ container }) => container));
  const scripts = new Map((plan.sidecars ?? []).map(({ container, script }) => [container, script]));
  const sidecars = [...containers.values()].filter(({ name }) => !steps.has(name));
  return Promise.all(
    sidecars.map(async (sidecar, index) => {
      const text = scripts.get(sidecar.name);
      const script = `sidecar-script-${index}`;
      if (text !== undefined) files.place(script, await earlier.text(text));
      const command = text === undefined ? {} : { command: [`/tekton/scripts/${script}`] };
      return files.complete(withScripts({ ...sidecar, ...command }));
    }),
  );
}

const withScripts = (container: Container): Container => ({
  ...container,
  volumeMounts: [
    ...(container.volumeMounts ?? []),
    { name: 'tekton-internal-scripts', mountPath: '/tekton/scripts', readOnly: true },
  ],
});
