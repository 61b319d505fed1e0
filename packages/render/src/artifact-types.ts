/** The outcome of a step, tagged by the key that an equal step finds it by. */
export const stepOutcomeType = 'application/vnd.tagboat.step.v1';
/** Notebooks that a run executed, tagged by the run. */
export const notebooksType = 'application/vnd.tagboat.notebooks.v1';
