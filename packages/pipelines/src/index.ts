import { kinds, type Pod } from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import type { ResourceStore } from '@tagboat/store';
import { settingsNamespace } from './config-defaults.ts';
import { CustomRunReconciler } from './custom-run-controller.ts';
import { RunEvents } from './events.ts';
import { PipelineRunReconciler, pipelineRunOf } from './pipeline-run-controller.ts';
import { pruneControllers } from './prune-controller.ts';
import { RemoteTasks } from './remote-tasks.ts';
import type { Registries } from './resolver-tools.ts';
import { RunQueue } from './run-queue.ts';
import { Settings } from './settings.ts';
import { TaskRunReconciler, taskRunOfPod } from './task-run-controller.ts';

export { fillTektonDefaults } from './admission-defaults.ts';
export { claimName as claimNameOf } from './children.ts';
export { childName } from './names.ts';
export type { Problem } from './problems.ts';
export { publishRelease, tektonRelease } from './release.ts';
export { takenFromAnnotation } from './rerun.ts';
export type { Registries } from './resolver-tools.ts';
export { queueAnnotations, queueLabels } from './run-queue.ts';
export { Settings } from './settings.ts';
export { problemError, tektonDenial, validateTekton } from './validate.ts';

export interface PipelineOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** At most so many runs at once, and of one repository. */
  readonly mostRuns?: number;
  readonly mostPerRepository?: number;
  /** Tekton's settings; absent: read from the store. */
  readonly settings?: Settings;
  /** Clients of registries, for Tekton bundles; absent: those anybody may read. */
  readonly registries?: Registries;
  /** Whether the large results that a text names are still there; absent: always. */
  readonly resultsKept?: (text: string) => Promise<boolean>;
  /** Controllers of custom tasks can reach the store, and their runs wait for them. Absent: custom tasks fail. */
  readonly customControllers?: boolean;
}

/** The Tekton engine's controllers, not yet started. */
export function createPipelineControllers(options: PipelineOptions): Controller[] {
  const { store: reader, clock, log } = options;
  const settings = options.settings ?? new Settings({ reader, log });
  const remote = new RemoteTasks();
  const events = (component: string) => new RunEvents({ ...options, component });
  const queue = new RunQueue({
    ...options,
    wake: (key) => pipelineRuns.enqueue(key),
  });
  const pipelineRuns: Controller = new Controller({
    name: 'pipelinerun',
    reader,
    type: kinds.PipelineRun,
    reconciler: new PipelineRunReconciler({
      ...options,
      events: events('PipelineRun'),
      queue,
      settings,
      remote,
    }),
    watches: [
      { type: kinds.TaskRun, keys: pipelineRunOf },
      { type: kinds.CustomRun, keys: pipelineRunOf },
      { type: kinds.PipelineRun, keys: pipelineRunOf },
    ],
    clock,
    log,
  });
  const taskRuns = new Controller({
    name: 'taskrun',
    reader,
    type: kinds.TaskRun,
    reconciler: new TaskRunReconciler({ ...options, events: events('TaskRun'), settings, remote }),
    watches: [{ type: kinds.Pod, keys: (pod) => taskRunOfPod(pod as Pod) }],
    clock,
    log,
  });
  const customRuns = new Controller({
    name: 'customrun',
    reader,
    type: kinds.CustomRun,
    reconciler: new CustomRunReconciler({
      ...options,
      events: events('CustomRun'),
      waits: options.customControllers ?? false,
    }),
    clock,
    log,
  });
  const config = new Controller({
    name: 'tekton-config',
    reader,
    type: kinds.ConfigMap,
    query: { namespace: settingsNamespace },
    reconciler: settings,
    clock,
    log,
  });
  return [config, pipelineRuns, taskRuns, customRuns, ...pruneControllers(options)];
}
