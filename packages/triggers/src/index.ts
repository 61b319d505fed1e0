export { type AicoeConfiguration, readAicoe } from './aicoe.ts';
export { refsToHandle } from './plan-triggers.ts';
export { type TriggerOptions, triggerController } from './trigger-controller.ts';
