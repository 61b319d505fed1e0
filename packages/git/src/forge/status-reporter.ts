import { type CommitStatus, kinds, type Repository, type ResourceKey, withCondition } from '@tagboat/api';
import { type Clock, describeError, type Logger, sha256, TagboatError, timestamp } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import { mutateStatus, type ResourceStore } from '@tagboat/store';
import { forgeOf, forgeSpecOf } from './forge.ts';

/** Tells outside forges what was found out about their commits; each thing once, and again only when it changed. */
export function statusReporter(options: { store: ResourceStore; clock: Clock; log: Logger }): Controller {
  const { store, clock, log } = options;
  return new Controller({
    name: 'status-reporter',
    reader: store,
    type: kinds.CommitStatus,
    concurrency: 4,
    clock,
    log,
    reconciler: { reconcile: (key) => report(store, clock, key) },
  });
}

async function report(store: ResourceStore, clock: Clock, key: ResourceKey): Promise<undefined> {
  const status = await store.get<CommitStatus>(key);
  if (!status?.spec) return undefined;
  const { repository: name, commit, context, state, description = '', targetUrl } = status.spec;
  const repository = await store.get<Repository>({ type: kinds.Repository, namespace: key.namespace, name });
  if (!repository || !forgeSpecOf(repository) || repository.spec?.url === undefined) return undefined;
  const digest = sha256(JSON.stringify([commit, context, state, description, targetUrl]));
  if (status.status?.reported?.digest === digest) return undefined;
  let refused: TagboatError | undefined;
  try {
    const forge = await forgeOf(store, repository);
    await forge?.report({ commit, context, state, description, targetUrl });
  } catch (error) {
    if (!(error instanceof TagboatError) || error.retryable) throw error;
    refused = error;
  }
  const at = timestamp(clock);
  await mutateStatus<CommitStatus>(store, key, (draft) => {
    draft.status = {
      ...draft.status,
      reported: { digest, at },
      conditions: withCondition(
        draft.status?.conditions,
        refused
          ? { type: 'Reported', status: 'False', reason: refused.reason, message: describeError(refused) }
          : { type: 'Reported', status: 'True', reason: 'Reported', message: '' },
        at,
      ),
    };
  });
  return undefined;
}
