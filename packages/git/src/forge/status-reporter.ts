import {
  type CommitState,
  type CommitStatus,
  keyText,
  kinds,
  type Repository,
  type ResourceKey,
  withCondition,
} from '@tagboat/api';
import { type Clock, describeError, type Logger, sha256, TagboatError, timestamp } from '@tagboat/base';
import { Controller, type Result } from '@tagboat/controller';
import { mutateStatus, type ResourceStore } from '@tagboat/store';
import { forgeOf, forgeSpecOf } from './forge.ts';
import { RateLimited } from './rest-client.ts';

const second = 1_000;
/** The longest time between two attempts to say the same thing. */
const longestWait = 600 * second;
/** So long the same thing is tried; time that the machine slept does not count. */
const triedFor = 24 * 3600 * second;

interface Surroundings {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What could not be said yet, by monotonic time. */
interface Attempt {
  readonly digest: string;
  readonly since: number;
  readonly next: number;
}

/**
 * Tells outside forges what was found out about their commits; each thing once, and again only when it changed. What a
 * forge does not take now is tried again, less and less often, for a day.
 */
export function statusReporter(options: Surroundings): Controller {
  const { store, clock, log } = options;
  const attempts = new Map<string, Attempt>();
  return new Controller({
    name: 'status-reporter',
    reader: store,
    type: kinds.CommitStatus,
    concurrency: 4,
    clock,
    log,
    reconciler: { reconcile: (key) => report(options, attempts, key) },
  });
}

async function report(
  options: Surroundings,
  attempts: Map<string, Attempt>,
  key: ResourceKey,
): Promise<Result> {
  const { store, clock } = options;
  const status = await store.get<CommitStatus>(key);
  const name = keyText(key);
  const before = attempts.get(name);
  attempts.delete(name);
  if (!status?.spec) return undefined;
  const digest = digestOf(status);
  if (status.status?.reported?.digest === digest) return undefined;
  const now = clock.monotonic();
  const attempt = before?.digest === digest ? before : { digest, since: now, next: now };
  if (attempt.next > now) {
    attempts.set(name, attempt);
    return { again: attempt.next - now };
  }
  const outcome = await say(store, status);
  if (!outcome) return undefined;
  const problem = outcome instanceof TagboatError ? outcome : undefined;
  const again = problem && waitAfter(problem, now - attempt.since);
  if (again === undefined) {
    const checkRun = 'checkRun' in outcome ? outcome.checkRun : undefined;
    const told = problem ? {} : { state: status.spec.state, ...(checkRun ? { checkRun } : {}) };
    await record(options, key, { problem, reported: { digest, ...told } });
    return undefined;
  }
  attempts.set(name, { ...attempt, next: clock.monotonic() + again });
  await record(options, key, { problem, reported: undefined });
  return { again };
}

/** Milliseconds until something is said again that was tried for so many; undefined: it is given up. */
export function waitAfter(problem: TagboatError, tried: number): number | undefined {
  if (!problem.retryable || tried > triedFor) return undefined;
  return problem instanceof RateLimited ? problem.wait : Math.min(second + tried / 4, longestWait);
}

const digestOf = ({ spec }: CommitStatus): string =>
  sha256(
    JSON.stringify([spec!.commit, spec!.context, spec!.state, spec!.description ?? '', spec!.targetUrl]),
  );

interface Said {
  readonly checkRun: string | undefined;
}

/** @returns what stood in the way, or what it was said in; undefined: there is no forge to tell */
async function say(store: ResourceStore, status: CommitStatus): Promise<TagboatError | Said | undefined> {
  const { repository: name, commit, context, state, description = '', targetUrl } = status.spec!;
  const { namespace = '' } = status.metadata;
  const repository = await store.get<Repository>({ type: kinds.Repository, namespace, name });
  if (!repository || !forgeSpecOf(repository) || repository.spec?.url === undefined) return undefined;
  try {
    const forge = await forgeOf(store, repository);
    const checkRun = status.status?.reported?.checkRun;
    return { checkRun: await forge?.report({ commit, context, state, description, targetUrl, checkRun }) };
  } catch (error) {
    if (error instanceof TagboatError) return error;
    throw error;
  }
}

/** @param about `reported`: what needs not be said any more; undefined: it is tried again */
async function record(
  { store, clock, log }: Surroundings,
  key: ResourceKey,
  about: {
    problem: TagboatError | undefined;
    reported: { digest: string; state?: CommitState; checkRun?: string } | undefined;
  },
): Promise<void> {
  const { problem, reported } = about;
  const at = timestamp(clock);
  const message = problem ? describeError(problem) : '';
  if (problem)
    log.warn(`a commit status was not written${reported ? '' : ' yet'}: ${message}`, { key: keyText(key) });
  await mutateStatus<CommitStatus>(store, key, (draft) => {
    const before = draft.status?.conditions?.find(({ type }) => type === 'Reported');
    const status = problem ? 'False' : 'True';
    if (!reported && before?.status === status && before.message === message) return false;
    const next = { type: 'Reported', status, reason: problem?.reason ?? 'Reported', message } as const;
    draft.status = {
      ...draft.status,
      ...(reported ? { reported: { ...reported, at } } : {}),
      conditions: withCondition(draft.status?.conditions, next, at),
    };
    return undefined;
  });
}
