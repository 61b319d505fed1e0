import { kinds, type Repository, type ResourceKey, withCondition } from '@tagboat/api';
import { type Clock, describeError, type Logger, TagboatError, timestamp } from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { mutateStatus, type ResourceStore } from '@tagboat/store';
import { followCommitComments } from './commit-comments.ts';
import { forgeOf, forgeSpecOf } from './forge.ts';
import { followPulls } from './forge-pulls.ts';
import { RateLimited } from './rest-client.ts';
import { followTeams } from './teams.ts';

export interface ForgeControllerOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
}

const defaultInterval = 60;

/**
 * Keeps `PullRequest`s of outside repositories as their forge has them. It looks by itself; a webhook only makes it look
 * sooner, so that one that never came is found all the same.
 */
export function forgeController(options: ForgeControllerOptions): Controller {
  return new Controller({
    name: 'forges',
    reader: options.store,
    type: kinds.Repository,
    concurrency: 4,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => follow(options, key) },
  });
}

async function follow(options: ForgeControllerOptions, key: ResourceKey): Promise<Result> {
  const { store } = options;
  const repository = await store.get<Repository>(key);
  if (!repository || !forgeSpecOf(repository) || repository.spec?.url === undefined) return undefined;
  const interval = Math.max(1, repository.spec.intervalSeconds ?? defaultInterval) * 1000;
  try {
    const forge = await forgeOf(store, repository);
    if (forge) {
      await followPulls(options, { repository, forge });
      await followCommitComments(options, { repository, forge });
      await followTeams(options, { repository, forge });
    }
    await condition(options, key, undefined);
  } catch (error) {
    if (!(error instanceof TagboatError)) throw error;
    await condition(options, key, error);
    if (error instanceof RateLimited) return { again: Math.max(interval, error.wait) };
  }
  return { again: interval };
}

async function condition(
  options: ForgeControllerOptions,
  key: ResourceKey,
  error: TagboatError | undefined,
): Promise<void> {
  const message = error ? describeError(error) : '';
  if (error) options.log.warn(`the forge of ${key.namespace}/${key.name}: ${message}`);
  await mutateStatus<Repository>(options.store, key, (draft) => {
    const before = draft.status?.conditions?.find(({ type }) => type === 'ForgeReady');
    const status = error ? 'False' : 'True';
    if (before?.status === status && before.message === message) return false;
    const next = { type: 'ForgeReady', status, reason: error?.reason ?? 'Observed', message } as const;
    draft.status = {
      ...draft.status,
      conditions: withCondition(draft.status?.conditions, next, timestamp(options.clock)),
    };
    return undefined;
  });
}
