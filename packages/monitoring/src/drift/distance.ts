/** How far two distributions over the same bins are apart, of their counts. */
export type Distance = (reference: readonly number[], live: readonly number[]) => number;

/** What an empty bin counts as, so that one unseen value is not infinitely far (Evidently does the same). */
const almostNothing = 0.0001;

/** The share of each bin; all 0 where nothing was counted. */
export function sharesOf(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (total === 0 ? 0 : count / total));
}

/** Population stability index: the sum of (live - reference) * ln(live / reference); 0.1 is slight, 0.2 and more a shift. */
const populationStability: Distance = (reference, live) => {
  const before = sharesOf(reference);
  return sharesOf(live).reduce((sum, share, index) => {
    const expected = before[index]!;
    if (share === expected) return sum;
    const [now, then] = [share || almostNothing, expected || almostNothing];
    return sum + (now - then) * Math.log(now / then);
  }, 0);
};

/** The Jensen-Shannon distance in base 2, from 0 (the same) to 1 (nothing in common). */
const jensenShannon: Distance = (reference, live) => {
  const before = sharesOf(reference);
  const divergence = sharesOf(live).reduce((sum, now, index) => {
    const then = before[index]!;
    const middle = (now + then) / 2;
    const part = (share: number) => (share === 0 ? 0 : (share * Math.log2(share / middle)) / 2);
    return sum + part(now) + part(then);
  }, 0);
  return Math.sqrt(Math.max(0, divergence));
};

const distances: Readonly<Record<string, Distance>> = {
  psi: populationStability,
  jensenshannon: jensenShannon,
};

/** The distance by its name in `monitor.drift.method`; 0 where nothing was counted. */
export function distanceOf(method: string): Distance {
  const distance = distances[method];
  if (!distance) throw new Error(`there is no drift method ${method}`);
  return (reference, live) =>
    reference.some((count) => count > 0) && live.some((count) => count > 0) ? distance(reference, live) : 0;
}
