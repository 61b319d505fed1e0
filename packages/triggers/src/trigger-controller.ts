import { type HandledRef, keyText, kinds, type Repository, type ResourceKey } from '@tagboat/api';
import { describeError, isReason, TagboatError, timestamp } from '@tagboat/base';
import { Controller, EventRecorder } from '@tagboat/controller';
import { mutate } from '@tagboat/store';
import { Ledger } from './ledger.ts';
import { inGroups, nextSequence, type RefToHandle, refsToHandle } from './plan-triggers.ts';
import { type Made, RunMaker, type TriggerOptions } from './run-maker.ts';

/** So many refs are handled before it is looked again: a tag that was pushed meanwhile then comes first. */
const mostAtOnce = 20;
const initialAnnotation = 'tagboat.dev/initial-refs';

/** So many refs are recorded together: what they write is then on disk together, too. */
const mostRecorded = 50;

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
  const reconcile = async (key: ResourceKey, signal: AbortSignal): Promise<undefined> => {
    const failed = failures.get(keyText(key)) ?? new Set<string>();
    failures.set(keyText(key), failed);
    try {
      await new RefHandler({ ...options, events, failed, signal }, key).run();
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

const nameOf = ({ ref, commit }: RefToHandle) => `${ref} ${commit}`;

/** What is to be done for a repository as it was last seen. */
interface Look {
  readonly repository: Repository;
  readonly mirror: string;
  /** Refs that are not handled yet, in their order, by their names and commits. */
  readonly waiting: Map<string, RefToHandle>;
}

/** Handles the refs of one repository, some at a time, and looks at it again in between; the ledger is read once. */
class RefHandler {
  readonly #options: Handling;
  readonly #key: ResourceKey;
  readonly #ledger: Ledger;
  readonly #maker: RunMaker;
  #entries: HandledRef[] = [];

  constructor(options: Handling, key: ResourceKey) {
    this.#options = options;
    this.#key = key;
    this.#ledger = new Ledger(options.store, key.namespace, key.name);
    this.#maker = new RunMaker(options);
  }

  /** @throws what stood in the way of the first ref that could not be handled, when all others were */
  async run(): Promise<void> {
    const { failed } = this.#options;
    this.#entries = await this.#ledger.entries();
    let look: Look | undefined;
    for (;;) {
      look = await this.#look(look);
      if (!look) return;
      const fresh = [...look.waiting].filter(([name]) => !failed.has(name));
      if (fresh.length === 0) break;
      await this.#handle(look, fresh.slice(0, mostAtOnce));
    }
    const again = [...failed].map((name): [string, RefToHandle] => [name, look.waiting.get(name)!]);
    const problem = await this.#handle(look, again.slice(0, mostAtOnce));
    if (problem) throw problem;
    if (failed.size > 0) return this.run();
  }

  /** What is seen now; where nothing changed, what is left of before. Undefined: there is nothing to do here. */
  async #look(before: Look | undefined): Promise<Look | undefined> {
    const { store, failed, signal, mirrorOf } = this.#options;
    const repository = await store.get<Repository>(this.#key);
    if (signal.aborted) return undefined;
    if (!repository?.status?.refs || repository.spec?.role === 'deployment') {
      failed.clear();
      return undefined;
    }
    if (before?.repository.metadata.resourceVersion === repository.metadata.resourceVersion) return before;
    const refs = refsToHandle(repository.status.refs, this.#entries);
    if (isNew(repository)) {
      await this.#recordInitial(refs);
      return undefined;
    }
    const waiting = new Map(refs.map((ref) => [nameOf(ref), ref]));
    for (const name of failed) if (!waiting.has(name)) failed.delete(name);
    return { repository, waiting, mirror: refs.length > 0 ? await mirrorOf(repository) : '' };
  }

  /** @returns what stood in the way of the first that could not be handled; the others were */
  async #handle(
    { repository, mirror, waiting }: Look,
    refs: readonly [string, RefToHandle][],
  ): Promise<Error | undefined> {
    let sequence = nextSequence(this.#entries);
    const problems: Error[] = [];
    const handle = async (ref: RefToHandle, own: number) => {
      const problem = await this.#attempt({ repository, mirror, ref }, own);
      if (problem) problems.push(problem);
      else waiting.delete(nameOf(ref));
    };
    const groups = inGroups(
      refs.map(([, ref]) => ref),
      repository.status?.defaultBranch ?? 'main',
    );
    for (const group of groups) {
      const handled = await Promise.allSettled(group.map((ref) => handle(ref, sequence++)));
      for (const outcome of handled) if (outcome.status === 'rejected') throw outcome.reason;
    }
    return problems[0];
  }

  async #attempt(
    source: { repository: Repository; mirror: string; ref: RefToHandle },
    sequence: number,
  ): Promise<Error | undefined> {
    const { ref, repository } = source;
    const { failed, signal } = this.#options;
    failed.delete(nameOf(ref));
    try {
      await this.#make(source, sequence);
      return undefined;
    } catch (error) {
      if (signal.aborted || isReason(error, 'Conflict')) throw error;
      failed.add(nameOf(ref));
      return tellOf(this.#options, { repository, ref, error });
    }
  }

  async #make(
    source: { repository: Repository; mirror: string; ref: RefToHandle },
    sequence: number,
  ): Promise<void> {
    const { ref, repository } = source;
    const made = await this.#maker
      .make({ ...source, ledger: this.#entries }, { sequence })
      .catch(withoutCommit);
    const entry = await this.#ledger.record(ref, { sequence, ...made });
    const old = await this.#ledger.forgetBefore(ref, this.#entries);
    if (old.length > 0) this.#entries = this.#entries.filter((item) => !old.includes(item));
    this.#entries.push(entry);
    const what = made.runs.length > 0 ? made.runs.join(', ') : `nothing to do: ${made.reason ?? ''}`;
    this.#options.log.info(`${ref.kind} ${ref.short}: ${what}`, { repository: repository.metadata.name });
  }

  /** What an outside repository had when it was connected is known, but not run. */
  async #recordInitial(refs: readonly RefToHandle[]): Promise<void> {
    const { store, clock } = this.#options;
    const reason = 'was there when the repository was connected';
    for (let from = 0; from < refs.length; from += mostRecorded)
      await Promise.all(
        refs
          .slice(from, from + mostRecorded)
          .map((ref, at) => this.#ledger.record(ref, { sequence: from + at + 1, runs: [], reason })),
      );
    await mutate<Repository>(store, this.#key, (draft) => {
      draft.metadata.annotations = { ...draft.metadata.annotations, [initialAnnotation]: timestamp(clock) };
    });
  }
}

const isNew = ({ spec, metadata }: Repository): boolean =>
  spec?.url !== undefined && metadata.annotations?.[initialAnnotation] === undefined;

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
