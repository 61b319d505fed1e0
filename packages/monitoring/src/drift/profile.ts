import { invalid } from '@tagboat/base';

/** How the values of one feature were distributed in training; the last two counts are of other values and of missing ones. */
export type FeatureProfile = {
  readonly name: string;
  readonly counts: readonly number[];
} & (
  | { readonly kind: 'number'; readonly edges: readonly number[] }
  | { readonly kind: 'category'; readonly categories: readonly string[] }
);

/** What the model server's package makes of a reference (`tagboat_serve/profile.py`). */
export interface Profile {
  readonly rows: number;
  readonly leftOut: number;
  readonly features: readonly FeatureProfile[];
}

const version = 1;
const mostFeatures = 200;
const mostBins = 64;

/** Reads a profile. @throws `Invalid` */
export function parseProfile(value: unknown): Profile {
  const { rows, leftOut, features, ...rest } = Object(value) as Record<string, unknown>;
  if (rest.version !== version || !isCount(rows) || !isCount(leftOut) || !Array.isArray(features))
    throw invalid(`expected a reference of inputs of version ${version}`);
  if (features.length > mostFeatures) throw invalid(`expected at most ${mostFeatures} features`);
  return { rows, leftOut, features: features.map(featureOf) };
}

function featureOf(value: unknown): FeatureProfile {
  const { kind, counts, edges, categories, ...rest } = Object(value) as Record<string, unknown>;
  const bins = kind === 'number' ? edges : categories;
  const isBin = kind === 'number' ? Number.isFinite : (bin: unknown) => typeof bin === 'string';
  // Names are shown in terminals, and stand for nothing else here.
  const name = String(rest.name).replaceAll(/\p{Cc}/gu, ' ');
  if (typeof rest.name !== 'string' || (kind !== 'number' && kind !== 'category'))
    throw invalid('expected a feature with name and kind');
  if (!Array.isArray(bins) || bins.length > mostBins || !bins.every((bin) => isBin(bin)))
    throw invalid(`feature "${name}": expected its bins`);
  const length = bins.length + (kind === 'number' ? 3 : 2);
  if (!isCounts(counts, length)) throw invalid(`feature "${name}": expected ${length} counts`);
  return kind === 'number'
    ? { name, kind, counts, edges: bins as number[] }
    : { name, kind, counts, categories: bins as string[] };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

export const isCounts = (value: unknown, length: number): value is number[] =>
  Array.isArray(value) && value.length === length && value.every(isCount);

/** What each bin of a feature holds, in words. */
export function binLabels(feature: FeatureProfile): string[] {
  const shown = (value: number) => String(Number(value.toPrecision(4)));
  const own =
    feature.kind === 'category'
      ? feature.categories
      : [...feature.edges, Number.POSITIVE_INFINITY].map((edge, index) => {
          if (index === 0) return edge === Number.POSITIVE_INFINITY ? 'any' : `≤ ${shown(edge)}`;
          const from = shown(feature.edges[index - 1]!);
          return edge === Number.POSITIVE_INFINITY ? `> ${from}` : `${from} – ${shown(edge)}`;
        });
  return [...own, feature.kind === 'number' ? 'no number' : 'other', 'missing'];
}
