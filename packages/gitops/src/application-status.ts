import { keyOf, kinds, type ResourceKey } from '@tagboat/api';
import { canonicalJson, isReason, timestamp } from '@tagboat/base';
import { mutate } from '@tagboat/store';
import {
  type Application,
  type ApplicationStatus,
  type OperationState,
  refreshAnnotation,
} from './application.ts';
import type { Comparison } from './plan-sync.ts';
import type { Cluster } from './run-sync.ts';
import type { RenderedSource } from './source.ts';

const historyLimit = 10;

interface Condition {
  readonly type: string;
  readonly message: string;
}

/** What a comparison says of an application. */
export function statusOf(
  application: Application,
  rendered: RenderedSource,
  comparison: Comparison,
): ApplicationStatus {
  const images = rendered.objects.flatMap((object) =>
    [...JSON.stringify(object).matchAll(/"image":"([^"]+)"/g)].map((match) => match[1]!),
  );
  return {
    sync: {
      status: comparison.synced ? 'Synced' : 'OutOfSync',
      revision: rendered.revision,
      comparedTo: { source: application.spec!.source, destination: application.spec!.destination },
    },
    health: comparison.health,
    resources: comparison.resources,
    sourceType: rendered.sourceType,
    summary: { images: [...new Set(images)].sort() },
  };
}

/** Notes an operation that ended, and a new revision in the history. */
export async function recordSync(
  { store, clock }: Pick<Cluster, 'store' | 'clock'>,
  application: Application,
  { rendered, state }: { rendered: RenderedSource; state: OperationState },
): Promise<void> {
  const key = keyOf(kinds.Application, application);
  await mutate<Application>(store, key, (draft) => {
    // One that was asked for meanwhile is still to be done.
    if (canonicalJson(draft.operation ?? {}) === canonicalJson(application.operation ?? {}))
      delete draft.operation;
    const history = draft.status?.history ?? [];
    const last = history.at(-1);
    const entry = {
      id: (last?.id ?? -1) + 1,
      revision: rendered.revision,
      deployedAt: timestamp(clock),
      source: application.spec!.source,
    };
    const isNew = state.phase === 'Succeeded' && last?.revision !== rendered.revision;
    draft.status = {
      ...draft.status,
      operationState: state,
      history: isNew
        ? [...history, entry].slice(-(application.spec!.revisionHistoryLimit ?? historyLimit))
        : history,
    };
  });
}

/** Notes an operation that ended before anything was compared. */
export async function endOperation(
  { store }: Pick<Cluster, 'store'>,
  application: Application,
  state: OperationState,
): Promise<void> {
  await mutate<Application>(store, keyOf(kinds.Application, application), (draft) => {
    if (canonicalJson(draft.operation ?? {}) === canonicalJson(application.operation ?? {}))
      delete draft.operation;
    draft.status = { ...draft.status, operationState: state };
  });
}

/** Writes a status that says something new; an application that is gone is fine. */
export async function reportStatus(
  { store, clock }: Pick<Cluster, 'store' | 'clock'>,
  key: ResourceKey,
  { status, conditions = [] }: { status: ApplicationStatus; conditions?: readonly Condition[] },
): Promise<void> {
  const now = timestamp(clock);
  try {
    await mutate<Application>(store, key, (draft) => {
      const { reconciledAt: _, ...before } = draft.status ?? {};
      const old = before.conditions ?? [];
      const listed = conditions.map((condition) => ({
        ...condition,
        lastTransitionTime:
          old.find((found) => found.type === condition.type && found.message === condition.message)
            ?.lastTransitionTime ?? now,
      }));
      const failure =
        before.operationState?.phase === 'Failed'
          ? [
              {
                type: 'SyncError',
                message: before.operationState.message,
                lastTransitionTime: before.operationState.finishedAt ?? now,
              },
            ]
          : [];
      const next = { ...before, ...status, conditions: [...listed, ...failure] };
      const refreshed = draft.metadata.annotations?.[refreshAnnotation] !== undefined;
      if (!refreshed && canonicalJson(next) === canonicalJson({ conditions: [], ...before })) return false;
      if (refreshed) delete draft.metadata.annotations![refreshAnnotation];
      draft.status = { ...next, reconciledAt: now };
      return undefined;
    });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
