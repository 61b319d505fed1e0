import { kinds, type Pod } from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import type { ResourceStore } from '@tagboat/store';
import { PipelineRunReconciler, pipelineRunOfTaskRun } from './pipeline-run-controller.ts';
import { TaskRunReconciler, taskRunOfPod } from './task-run-controller.ts';

export { taskRunName } from './pipeline-run-controller.ts';
export { planPipelineRun } from './plan-pipeline-run.ts';
export { validatePipeline } from './validate.ts';

/** The Tekton engine's controllers, not yet started. */
export function createPipelineControllers(options: {
  store: ResourceStore;
  clock: Clock;
  log: Logger;
}): Controller[] {
  const { store: reader, clock, log } = options;
  return [
    new Controller({
      name: 'pipelinerun',
      reader,
      type: kinds.PipelineRun,
      reconciler: new PipelineRunReconciler(options),
      watches: [{ type: kinds.TaskRun, keys: pipelineRunOfTaskRun }],
      clock,
      log,
    }),
    new Controller({
      name: 'taskrun',
      reader,
      type: kinds.TaskRun,
      reconciler: new TaskRunReconciler(options),
      watches: [{ type: kinds.Pod, keys: (pod) => taskRunOfPod(pod as Pod) }],
      clock,
      log,
    }),
  ];
}
