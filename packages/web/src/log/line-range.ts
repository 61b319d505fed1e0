/** Lines of a log, both inclusive, from 1. */
export type LineRange = readonly [first: number, last: number];

/** `L12` or `L12-L20`. */
export function rangeOf(hash: string): LineRange | undefined {
  const match = /^L(\d{1,9})(?:-L?(\d{1,9}))?$/.exec(hash);
  if (!match) return undefined;
  const first = Number(match[1]);
  return [first, Math.max(first, Number(match[2] ?? first))];
}
