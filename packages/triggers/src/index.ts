export { type AicoeConfiguration, readAicoe } from './aicoe.ts';
export { runAnnotations, runLabels } from './plan-runs.ts';
export { refsToHandle } from './plan-triggers.ts';
export { type TriggerOptions, triggerController } from './trigger-controller.ts';
