export { type AicoeConfiguration, readAicoe } from './aicoe.ts';
export { type Command, commandOf } from './commands.ts';
export { incomingReceiver } from './incoming.ts';
export { refsToHandle } from './plan-triggers.ts';
export { pullTriggerController } from './pull-trigger-controller.ts';
export { retentionController } from './retention-controller.ts';
export type { TriggerOptions } from './run-maker.ts';
export { type StatusOptions, statusController } from './status-controller.ts';
export { triggerController } from './trigger-controller.ts';
