/** Labels of runs, and of what is made from them. */
export const runLabels = {
  repository: 'tagboat.dev/repository',
  model: 'tagboat.dev/model',
  kind: 'tagboat.dev/kind',
} as const;

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
} as const;
