export { deploymentRepositoryName, environmentNamespace } from './deployment.ts';
export { experimentController } from './experiments.ts';
export { type ModelRoomOptions, modelController, summarise } from './model-controller.ts';
export { dueMinute, retrainAnnotation, untilNext } from './retrain.ts';
