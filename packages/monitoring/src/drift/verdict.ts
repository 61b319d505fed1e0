import type { Condition, EnvironmentDrift, FeatureDrift } from '@tagboat/api';
import type { DriftSettings, Model } from '@tagboat/render';
import { distanceOf, sharesOf } from './distance.ts';
import { binLabels, type Profile } from './profile.ts';

/** The inputs that were seen of one version in one environment; or why none can be compared. */
export type Seen =
  | { readonly kind: 'inputs'; readonly profile: Profile; readonly rows: number; readonly counts: number[][] }
  | { readonly kind: 'problem'; readonly reason: string; readonly message: string };

export interface Served {
  readonly environment: string;
  readonly namespace: string;
  readonly tag: string;
  readonly modelDigest: string;
}

/** A figure as people read it; a change that is too small to see gives the same text. */
export const shownScore = (score: number) => String(Number(score.toPrecision(2)));

/** How the inputs in one environment stand to the reference. */
export function judgeInputs(served: Served, seen: Seen, settings: DriftSettings): EnvironmentDrift {
  if (seen.kind === 'problem')
    return {
      ...served,
      state: 'unknown',
      reason: seen.reason,
      message: seen.message,
      inputs: 0,
      referenceInputs: 0,
      leftOut: 0,
      features: [],
    };
  const features = featuresOf(seen, settings);
  const { rows: inputs, profile } = seen;
  const common = { ...served, inputs, referenceInputs: profile.rows, leftOut: profile.leftOut, features };
  if (inputs < settings.minSamples)
    return {
      ...common,
      state: 'unknown',
      reason: 'TooFewRequests',
      message: `${inputs} of ${settings.minSamples} inputs in ${settings.window}`,
    };
  const worst = features[0];
  const over = features.filter(({ score }) => score >= settings.threshold).length;
  const figure = worst ? `${worst.name} ${settings.method} ${shownScore(worst.score)}` : 'no features';
  return over > 0
    ? {
        ...common,
        state: 'drifting',
        reason: 'InputsDrift',
        message: `${figure} (threshold ${settings.threshold}); ${over} of ${features.length} features drift`,
      }
    : {
        ...common,
        state: 'steady',
        reason: 'InputsSteady',
        message: `the furthest is ${figure} (threshold ${settings.threshold})`,
      };
}

function featuresOf(seen: Extract<Seen, { kind: 'inputs' }>, { method }: DriftSettings): FeatureDrift[] {
  const distance = distanceOf(method);
  return seen.profile.features
    .map((feature, index): FeatureDrift => {
      const live = seen.counts[index]!;
      const shares = { reference: sharesOf(feature.counts), live: sharesOf(live) };
      return {
        name: feature.name,
        kind: feature.kind,
        score: distance(feature.counts, live),
        bins: binLabels(feature).map((label, bin) => ({
          label,
          reference: shares.reference[bin]!,
          live: shares.live[bin]!,
        })),
      };
    })
    .sort((a, b) => b.score - a.score);
}

const rank = { drifting: 0, steady: 1, unknown: 2 } as const;

/** The environment that is worst off, of those where anything is known. */
export function worstOf(environments: readonly EnvironmentDrift[]): EnvironmentDrift | undefined {
  return [...environments].sort(
    (a, b) => rank[a.state] - rank[b.state] || (b.features[0]?.score ?? 0) - (a.features[0]?.score ?? 0),
  )[0];
}

/** The condition `Drifting` of a model. */
export function driftingCondition(worst: EnvironmentDrift | undefined): Condition {
  if (!worst)
    return { type: 'Drifting', status: 'Unknown', reason: 'NotDeployed', message: 'nothing is deployed yet' };
  const status = { drifting: 'True', steady: 'False', unknown: 'Unknown' } as const;
  return {
    type: 'Drifting',
    status: status[worst.state],
    reason: worst.reason,
    message: `${worst.environment}: ${worst.message}`,
  };
}

/** The furthest feature of an environment whose state is known, for `Model.status.drift`. */
export function furthestOf(
  worst: EnvironmentDrift | undefined,
  { method }: DriftSettings,
): NonNullable<Model['status']>['drift'] {
  const feature = worst?.state === 'unknown' ? undefined : worst?.features[0];
  return (
    feature && {
      environment: worst!.environment,
      feature: feature.name,
      method,
      score: Number(shownScore(feature.score)),
    }
  );
}
