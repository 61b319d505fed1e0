/** A retraining's outcome (`NothingNew`) as people read it. */
export const outcomeWords = (outcome: string): string =>
  outcome.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
