import type { Window } from '../series.ts';

/** The q-quantile by linear interpolation between the closest ranks. */
export function quantile(q: number, values: readonly number[]): number {
  if (values.length === 0 || Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  const sorted = [...values].sort((a, b) => a - b);
  const rank = q * (sorted.length - 1);
  const low = Math.floor(rank);
  const high = Math.min(sorted.length - 1, low + 1);
  return sorted[low]! * (1 - (rank - low)) + sorted[high]! * (rank - low);
}

/** Of the population. */
export function variance(values: readonly number[]): number {
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  return values.reduce((total, value) => total + (value - mean) ** 2, 0) / values.length;
}

/** Least squares over seconds since `origin` (milliseconds). */
export function linearRegression({ times, values }: Window, origin: number) {
  const count = times.length;
  const xs = times.map((time) => (time - origin) / 1000);
  const meanX = xs.reduce((total, x) => total + x, 0) / count;
  const meanY = values.reduce((total, y) => total + y, 0) / count;
  let covariance = 0;
  let spread = 0;
  xs.forEach((x, index) => {
    covariance += (x - meanX) * (values[index]! - meanY);
    spread += (x - meanX) ** 2;
  });
  const slope = covariance / spread;
  return { slope, intercept: meanY - slope * meanX };
}

export interface Bucket {
  readonly limit: number;
  readonly count: number;
}

/** The q-quantile of a histogram's cumulative buckets (Prometheus documentation, "histogram_quantile()"). */
export function bucketQuantile(q: number, given: readonly Bucket[]): number {
  if (Number.isNaN(q)) return Number.NaN;
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  const buckets = monotonic(given);
  const last = buckets.at(-1);
  if (!last || last.limit !== Number.POSITIVE_INFINITY || buckets.length < 2 || !(last.count > 0))
    return Number.NaN;
  const rank = q * last.count;
  const index = buckets.findIndex(({ count }) => count >= rank);
  if (index === buckets.length - 1) return buckets.at(-2)!.limit;
  const bucket = buckets[index]!;
  if (index === 0 && bucket.limit <= 0) return bucket.limit;
  const start = index === 0 ? 0 : buckets[index - 1]!.limit;
  const below = index === 0 ? 0 : buckets[index - 1]!.count;
  const inside = bucket.count - below;
  return inside === 0 ? start : start + (bucket.limit - start) * ((rank - below) / inside);
}

/** Sorted, one per limit, and never falling: counts of several processes are read at slightly different times. */
function monotonic(given: readonly Bucket[]): Bucket[] {
  const merged = new Map<number, number>();
  for (const { limit, count } of given) merged.set(limit, (merged.get(limit) ?? 0) + count);
  let most = 0;
  return [...merged]
    .sort(([a], [b]) => a - b)
    .map(([limit, count]) => {
      most = Math.max(most, count);
      return { limit, count: most };
    });
}
