export { experimentController } from './experiments.ts';
export { type ModelRoomOptions, modelController } from './model-controller.ts';
