/** Labels of runs, and of what is made from them. */
export const runLabels = {
  repository: 'tagboat.dev/repository',
  model: 'tagboat.dev/model',
  kind: 'tagboat.dev/kind',
  /** The first 40 digits of the commit a run is about. */
  commit: 'tagboat.dev/commit',
  pullRequest: 'tagboat.dev/pull-request',
  /** `true`: the code is an outside contributor's; it runs in a container, without secrets. */
  untrusted: 'tagboat.dev/untrusted',
} as const;

/**
 * On a Task: how far the token of its pods reaches, where that is less than the whole project, because the task runs
 * code of the user: to the project's repositories, to read; to what the model is made of; or also to what is deployed
 * of it, to read.
 */
export const taskAccessLabel = 'tagboat.dev/access';
const taskAccesses = ['sources', 'artifacts', 'releases'] as const;
export type TaskAccess = (typeof taskAccesses)[number];
export const isTaskAccess = (text: string | undefined): text is TaskAccess =>
  (taskAccesses as readonly (string | undefined)[]).includes(text);

/** On a Model: asks for a retraining; its value says when or why, and one value is acted on once. */
export const retrainAnnotation = 'tagboat.dev/retrain-requested';

/** On a Model: `true` keeps the beginning of every request's content with the recent requests. */
export const recordInputsAnnotation = 'tagboat.dev/record-inputs';

/** Annotations of runs. */
export const runAnnotations = {
  ref: 'tagboat.dev/ref',
  tag: 'tagboat.dev/tag',
  commit: 'tagboat.dev/commit',
  notices: 'tagboat.dev/notices',
  /** What asked for a retraining. */
  requested: 'tagboat.dev/requested',
  /** The name that the repository gives the run, as `/test <name>` takes it. */
  name: 'tagboat.dev/run-name',
  /** Who pushed, proposed or asked. */
  author: 'tagboat.dev/author',
  /** Which commit statuses the tasks of the run stand for: names of tasks to contexts, as JSON. */
  contexts: 'tagboat.dev/contexts',
  /** A group: a newer run of the same group and ref ends those that are not finished. */
  cancelInProgress: 'tagboat.dev/cancel-in-progress',
  /** A number; among runs that wait the higher starts first. */
  priority: 'tagboat.dev/priority',
  /** Runs with the same value wait for one another's turn. */
  queue: 'tagboat.dev/queue',
  /** How many of the runs with the same `queue` may run at once. */
  queueLimit: 'tagboat.dev/queue-limit',
} as const;

/** On a deployment repository of another server: the run or commit that released to it last, so that it is looked at now. */
export const releasedByAnnotation = 'tagboat.dev/released-by';

/** What was found when the run was planned and its owner should know, such as a key that is not acted on. */
export const noticesOfRun = ({
  metadata: { annotations },
}: {
  metadata: { annotations?: Record<string, string> };
}): string[] => (annotations?.[runAnnotations.notices] ?? '').split('; ').filter((notice) => notice !== '');
