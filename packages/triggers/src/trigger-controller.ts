import { type HandledRef, keyText, kinds, type Repository, type ResourceKey } from '@tagboat/api';
import { describeError, isReason, TagboatError, timestamp } from '@tagboat/base';
import { Controller, EventRecorder, type Result } from '@tagboat/controller';
import { mutate } from '@tagboat/store';
import { Ledger } from './ledger.ts';
import { inGroups, nextSequence, type RefToHandle, refsToHandle } from './plan-triggers.ts';
import { type Made, RunMaker, type TriggerOptions } from './run-maker.ts';

/** So many refs are handled before it is looked again: a tag that was pushed meanwhile then comes first. */
const mostAtOnce = 20;
const initialAnnotation = 'tagboat.dev/initial-refs';

interface Handling extends TriggerOptions {
  readonly events: EventRecorder;
  /** What could not be handled when it was last tried, the oldest first: each ref with its commit. */
  readonly failed: Set<string>;
  readonly signal: AbortSignal;
}

/**
 * Makes one PipelineRun per new tag, check and candidate, by a ledger that outlives the runs: run first, under a name
 * that follows from what it is about, then the ledger entry, so that a kill between the two makes no second run. A ref
 * that cannot be handled now holds up no others: it is tried again behind them, and an Event of the Repository says why.
 */
export function triggerController(options: TriggerOptions): Controller {
  const { store, clock, log } = options;
  const events = new EventRecorder({ store, clock, log, component: 'triggers' });
  const failures = new Map<string, Set<string>>();
  const reconcile = async (key: ResourceKey, signal: AbortSignal): Promise<Result> => {
    const failed = failures.get(keyText(key)) ?? new Set<string>();
    failures.set(keyText(key), failed);
    try {
      return await handleRefs({ ...options, events, failed, signal }, key);
    } finally {
      if (failed.size === 0) failures.delete(keyText(key));
    }
  };
  return new Controller({
    name: 'triggers',
    reader: store,
    type: kinds.Repository,
    clock,
    log,
    reconciler: { reconcile },
  });
}

async function handleRefs(options: Handling, key: ResourceKey): Promise<Result> {
  const repository = await options.store.get<Repository>(key);
  if (!repository?.status?.refs || repository.spec?.role === 'deployment') {
    options.failed.clear();
    return undefined;
  }
  const ledger = new Ledger(options.store, key.namespace, key.name);
  const entries = await ledger.entries();
  const refs = refsToHandle(repository.status.refs, entries);
  const isNew =
    repository.spec?.url !== undefined && repository.metadata.annotations?.[initialAnnotation] === undefined;
  if (isNew) {
    await recordInitial(options, key, { ledger, refs });
    return undefined;
  }
  const waiting = new Map(refs.map((ref) => [nameOf(ref), ref]));
  for (const name of options.failed) if (!waiting.has(name)) options.failed.delete(name);
  if (refs.length === 0) return undefined;
  const fresh = refs.filter((ref) => !options.failed.has(nameOf(ref)));
  const again = [...options.failed].map((name) => waiting.get(name)!);
  const some = (fresh.length > 0 ? fresh : again).slice(0, mostAtOnce);
  const problem = await handleSome(options, { repository, ledger, entries, refs: some });
  if (fresh.length > some.length || (!problem && refs.length > some.length)) return { again: 0 };
  if (problem) throw problem;
  return undefined;
}

const nameOf = ({ ref, commit }: RefToHandle) => `${ref} ${commit}`;

/** @returns what stood in the way of the first that could not be handled; the others were */
async function handleSome(
  options: Handling,
  about: { repository: Repository; ledger: Ledger; entries: HandledRef[]; refs: readonly RefToHandle[] },
): Promise<Error | undefined> {
  const { repository, ledger, entries, refs } = about;
  const mirror = await options.mirrorOf(repository);
  const maker = new RunMaker(options);
  let sequence = nextSequence(entries);
  let problem: Error | undefined;
  const handle = async (ref: RefToHandle, own: number) => {
    const made = await maker
      .make({ repository, mirror, ref, ledger: entries }, { sequence: own })
      .catch(withoutCommit);
    await ledger.record(ref, { sequence: own, ...made });
    await ledger.forgetBefore(ref, entries);
    const what = made.runs.length > 0 ? made.runs.join(', ') : `nothing to do: ${made.reason ?? ''}`;
    options.log.info(`${ref.kind} ${ref.short}: ${what}`, { repository: repository.metadata.name });
  };
  const attempt = async (ref: RefToHandle, own: number) => {
    options.failed.delete(nameOf(ref));
    try {
      await handle(ref, own);
    } catch (error) {
      if (options.signal.aborted || isReason(error, 'Conflict')) throw error;
      options.failed.add(nameOf(ref));
      problem ??= tellOf(options, { repository, ref, error });
    }
  };
  for (const group of inGroups(refs, repository.status?.defaultBranch ?? 'main')) {
    const attempted = await Promise.allSettled(group.map((ref) => attempt(ref, sequence++)));
    for (const outcome of attempted) if (outcome.status === 'rejected') throw outcome.reason;
  }
  return problem;
}

/** Tags may name trees and blobs, such as somebody's key: there is nothing to run in them, now or later. */
function withoutCommit(error: unknown): Made {
  if (isReason(error, 'NotACommit')) return { runs: [], reason: error.message };
  throw error;
}

function tellOf(
  { events, log }: Handling,
  about: { repository: Repository; ref: RefToHandle; error: unknown },
): Error {
  const { repository, ref, error } = about;
  const message = `${ref.ref} is not handled yet: ${describeError(error)}`;
  events.record(repository, { type: 'Warning', reason: 'RefNotHandled', message });
  log.warn(message, { repository: repository.metadata.name });
  // A commit that was seen before it could be fetched is asked for again.
  return isReason(error, 'NotFound')
    ? new TagboatError(message, { reason: 'Unavailable', cause: error })
    : (error as Error);
}

/** What an outside repository had when it was connected is known, but not run. */
async function recordInitial(
  { store, clock }: TriggerOptions,
  key: ResourceKey,
  { ledger, refs }: { ledger: Ledger; refs: readonly RefToHandle[] },
): Promise<void> {
  for (const [index, ref] of refs.entries())
    await ledger.record(ref, {
      sequence: index + 1,
      runs: [],
      reason: 'was there when the repository was connected',
    });
  await mutate<Repository>(store, key, (draft) => {
    draft.metadata.annotations = { ...draft.metadata.annotations, [initialAnnotation]: timestamp(clock) };
  });
}
