/** Annotations of an InferenceService that say what was released. */
export const releaseAnnotations = {
  tag: 'tagboat.dev/tag',
  run: 'tagboat.dev/run',
  commit: 'tagboat.dev/commit',
  model: 'tagboat.dev/model',
  project: 'tagboat.dev/project',
  modelDigest: 'tagboat.dev/model-digest',
  data: 'tagboat.dev/data',
  metrics: 'tagboat.dev/metrics',
} as const;
