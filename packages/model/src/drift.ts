import { findCondition, type ResourceKey } from '@tagboat/api';
import { type Clock, parseDuration, timestamp } from '@tagboat/base';
import type { Model } from '@tagboat/render';
import { mutateStatus, type ResourceStore } from '@tagboat/store';
import { type RetrainSettings, startRetraining } from './retrain.ts';

const identityPrefix = 'drift since ';

/** Whether drift asked for a retraining, by its identity. */
export const isForDrift = (identity: string | undefined): boolean =>
  identity?.startsWith(identityPrefix) ?? false;

/**
 * Starts one retraining for each time that inputs began to drift, where `retrain.onDrift` asks for it: never a second one
 * while the drift goes on, and no other before the window that is compared has passed, however often it comes and goes.
 * @returns milliseconds until it wants to be asked again
 */
export async function answerDrift(
  { store, clock, settings }: { store: ResourceStore; clock: Clock; settings: RetrainSettings },
  key: ResourceKey,
  model: Model,
): Promise<number | undefined> {
  const { spec, status } = model;
  const drifting = findCondition(status?.conditions, 'Drifting');
  const since = drifting?.lastTransitionTime;
  if (!spec?.retrain.onDrift || drifting?.status !== 'True' || since === undefined) return undefined;
  const before = status?.driftRetrain;
  if (before?.since === since) return undefined;
  const pause = parseDuration(spec.monitor?.drift?.window ?? '24h');
  const wait = before ? Date.parse(before.at) + pause - clock.now() : 0;
  if (wait > 0) return wait;
  const run = await startRetraining(store, model, { identity: `${identityPrefix}${since}`, settings });
  if (!run) return undefined;
  await mutateStatus<Model>(store, key, (draft) => {
    draft.status = { ...draft.status, driftRetrain: { at: timestamp(clock), since } };
  });
  return undefined;
}
