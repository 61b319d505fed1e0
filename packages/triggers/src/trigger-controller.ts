import { type HandledRef, kinds, type Repository, type ResourceKey } from '@tagboat/api';
import { timestamp } from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { mutate } from '@tagboat/store';
import { Ledger } from './ledger.ts';
import { inGroups, nextSequence, type RefToHandle, refsToHandle } from './plan-triggers.ts';
import { RunMaker, type TriggerOptions } from './run-maker.ts';

/** So many refs are handled before it is looked again: a tag that was pushed meanwhile then comes first. */
const mostAtOnce = 20;
const initialAnnotation = 'tagboat.dev/initial-refs';

/**
 * Makes one PipelineRun per new tag, check and candidate, by a ledger that outlives the runs: run first, under a name
 * that follows from what it is about, then the ledger entry, so that a kill between the two makes no second run.
 */
export function triggerController(options: TriggerOptions): Controller {
  return new Controller({
    name: 'triggers',
    reader: options.store,
    type: kinds.Repository,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => handleRefs(options, key) },
  });
}

async function handleRefs(options: TriggerOptions, key: ResourceKey): Promise<Result> {
  const repository = await options.store.get<Repository>(key);
  if (!repository?.status?.refs || repository.spec?.role === 'deployment') return undefined;
  const ledger = new Ledger(options.store, key.namespace, key.name);
  const entries = await ledger.entries();
  const refs = refsToHandle(repository.status.refs, entries);
  const isNew =
    repository.spec?.url !== undefined && repository.metadata.annotations?.[initialAnnotation] === undefined;
  if (isNew) {
    await recordInitial(options, key, { ledger, refs });
    return undefined;
  }
  if (refs.length === 0) return undefined;
  await handleSome(options, { repository, ledger, entries, refs: refs.slice(0, mostAtOnce) });
  return refs.length > mostAtOnce ? { again: 0 } : undefined;
}

async function handleSome(
  options: TriggerOptions,
  about: { repository: Repository; ledger: Ledger; entries: HandledRef[]; refs: readonly RefToHandle[] },
): Promise<void> {
  const { repository, ledger, entries, refs } = about;
  const mirror = await options.mirrorOf(repository);
  const maker = new RunMaker(options);
  let sequence = nextSequence(entries);
  const handle = async (ref: RefToHandle, own: number) => {
    const made = await maker.make({ repository, mirror, ref, ledger: entries }, { sequence: own });
    await ledger.record(ref, { sequence: own, ...made });
    await ledger.forgetBefore(ref, entries);
    const what = made.runs.length > 0 ? made.runs.join(', ') : `nothing to do: ${made.reason ?? ''}`;
    options.log.info(`${ref.kind} ${ref.short}: ${what}`, { repository: repository.metadata.name });
  };
  for (const group of inGroups(refs, repository.status?.defaultBranch ?? 'main')) {
    const handled = await Promise.allSettled(group.map((ref) => handle(ref, sequence++)));
    for (const outcome of handled) if (outcome.status === 'rejected') throw outcome.reason;
  }
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
