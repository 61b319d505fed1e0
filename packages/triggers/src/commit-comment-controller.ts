import {
  type CommitComment,
  commitStatusLabels,
  keyOf,
  kinds,
  type Repository,
  type ResourceKey,
} from '@tagboat/api';
import { isReason, timestamp } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import { deleteIfPresent, mutateStatus, type ResourceStore } from '@tagboat/store';
import { cancelRuns, isWanted, runsAt } from './asked-runs.ts';
import { type Command, commandOf, eventTypeOfCommand } from './commands.ts';
import { Ledger } from './ledger.ts';
import { Permissions } from './permissions.ts';
import type { RefToHandle } from './plan-triggers.ts';
import { RunMaker, type TriggerOptions } from './run-maker.ts';

/** So many comments of one repository that were acted on are kept. */
const mostKept = 200;

interface Outcome {
  readonly runs: readonly string[];
  readonly reason?: string;
}

/** Does what is asked for in comments on commits, once per comment, at the branch or tag whose head the commit is. */
export function commitCommentController(options: TriggerOptions): Controller {
  const permissions = new Permissions(options);
  const attempts = new Attempts(options.store);
  return new Controller({
    name: 'commit-comments',
    reader: options.store,
    type: kinds.CommitComment,
    clock: options.clock,
    log: options.log,
    reconciler: { reconcile: (key) => handle({ ...options, permissions, attempts }, key) },
  });
}

interface Handling extends TriggerOptions {
  readonly permissions: Permissions;
  readonly attempts: Attempts;
}

async function handle(options: Handling, key: ResourceKey): Promise<undefined> {
  const { store, clock, log, permissions } = options;
  const comment = await store.get<CommitComment>(key);
  if (!comment?.spec || comment.status?.handledAt) return undefined;
  const { spec } = comment;
  const repository = await store.get<Repository>({
    type: kinds.Repository,
    namespace: key.namespace,
    name: spec.repository,
  });
  const outcome: Outcome = !repository
    ? { runs: [], reason: `there is no repository "${spec.repository}"` }
    : (await permissions.mayAsk(repository, spec))
      ? await obey(options, comment, repository)
      : {
          runs: [],
          reason: `${spec.author} may not ask for runs: neither their rights, nor settings.policy.ok_to_test, nor OWNERS say so`,
        };
  await mutateStatus<CommitComment>(store, key, (draft) => {
    draft.status = {
      ...draft.status,
      handledAt: timestamp(clock),
      pipelineRuns: [...outcome.runs],
      ...(outcome.reason ? { reason: outcome.reason } : {}),
    };
  });
  if (commandOf(spec.body))
    log.info(
      `${spec.author} on ${spec.commit.slice(0, 10)}: ${outcome.runs.join(', ') || `nothing to do: ${outcome.reason ?? ''}`}`,
      { repository: spec.repository },
    );
  await prune(store, comment);
  return undefined;
}

async function obey(options: Handling, comment: CommitComment, repository: Repository): Promise<Outcome> {
  const { body, commit, author } = comment.spec!;
  const command = commandOf(body);
  const found = refOf(command, commit, repository);
  if (typeof found === 'string') return { runs: [], reason: found };
  const { namespace = '', name } = repository.metadata;
  const { store } = options;
  const before = await runsAt(store, { namespace, repository: name, ref: found.ref, commit });
  if (command?.kind === 'cancel') {
    const runs = await cancelRuns(store, before, command.name);
    return runs.length > 0 ? { runs } : { runs, reason: 'nothing of it runs' };
  }
  const only = command?.kind === 'ok-to-test' ? undefined : command?.name;
  const entries = await new Ledger(store, namespace, name).entries();
  const sequence = entries.find(({ spec }) => spec?.ref === found.ref && spec.commit === commit)?.spec
    ?.sequence;
  const made = await make(options, {
    repository,
    ref: found,
    filter: async (run) => isWanted(command, run, before),
    sequence: sequence ?? 0,
    comment: {
      index: (await options.attempts.of(comment)) - 1,
      body,
      author,
      eventType: eventTypeOfCommand(command),
      ...(only === undefined ? {} : { only }),
      ...(command ? {} : { custom: true }),
    },
  });
  if (made.runs.length > 0 || made.reason) return made;
  return { runs: [], reason: 'its runs passed, or have not ended: /test runs them all the same' };
}

interface Asked {
  readonly repository: Repository;
  readonly ref: RefToHandle;
  readonly comment: NonNullable<Parameters<RunMaker['make']>[0]['comment']>;
  readonly sequence: number;
  readonly filter: NonNullable<Parameters<RunMaker['make']>[1]['filter']>;
}

async function make(
  options: TriggerOptions,
  { repository, ref, comment, sequence, filter }: Asked,
): Promise<Outcome> {
  const mirror = await options.mirrorOf(repository);
  try {
    return await new RunMaker(options).make({ repository, mirror, ref, comment }, { sequence, filter });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    return { runs: [], reason: error.message };
  }
}

/** The branch or tag that a comment on a commit is about, or why there is none; as upstream only heads count. */
function refOf(command: Command | undefined, commit: string, { status }: Repository): RefToHandle | string {
  if (command?.kind === 'ok-to-test')
    return '/ok-to-test is for pull requests: what was pushed needs no leave';
  const { tag, branch = status?.defaultBranch ?? 'main', unknown } = command ?? {};
  if (unknown !== undefined) return `expected branch:NAME or tag:NAME, found "${unknown}"`;
  const [kind, ref, short] =
    tag === undefined
      ? (['branch', `refs/heads/${branch}`, branch] as const)
      : (['tag', `refs/tags/${tag}`, tag] as const);
  const head = status?.refs?.[ref];
  if (head === commit) return { ref, commit, kind, short };
  const what = `${commit.slice(0, 10)} is not the commit of the ${kind} "${short}"`;
  if (head === undefined) return `there is no ${kind} "${short}"`;
  return command && tag === undefined && command.branch === undefined
    ? `${what}, which is what a command without branch:NAME or tag:NAME is about`
    : `${what}, but ${head.slice(0, 10)}`;
}

/** Counts what tells the runs of a comment apart from those of others; kept, so that after a kill they are the same. */
class Attempts {
  readonly #store: ResourceStore;
  /** One after another: of two at once each would take the same number. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(store: ResourceStore) {
    this.#store = store;
  }

  of(comment: CommitComment): Promise<number> {
    const next = this.#last.then(() => this.#count(comment));
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #count(comment: CommitComment): Promise<number> {
    if (comment.status?.attempt !== undefined) return comment.status.attempt;
    const others = await commentsOf(this.#store, comment);
    const taken = others
      .filter(({ spec }) => spec?.commit === comment.spec?.commit)
      .map(({ status }) => status?.attempt ?? 0);
    const attempt = 1 + Math.max(0, ...taken);
    await mutateStatus<CommitComment>(this.#store, keyOf(kinds.CommitComment, comment), (draft) => {
      draft.status = { ...draft.status, attempt };
    });
    return attempt;
  }
}

async function commentsOf(store: ResourceStore, comment: CommitComment): Promise<readonly CommitComment[]> {
  const { items } = await store.list<CommitComment>(kinds.CommitComment, {
    namespace: comment.metadata.namespace ?? '',
    labels: [
      { key: commitStatusLabels.repository, operator: 'In', values: [comment.spec?.repository ?? ''] },
    ],
  });
  return items;
}

async function prune(store: ResourceStore, comment: CommitComment): Promise<void> {
  const done = (await commentsOf(store, comment)).filter(({ status }) => status?.handledAt);
  const at = ({ status }: CommitComment) => status?.handledAt ?? '';
  for (const old of done.sort((a, b) => at(b).localeCompare(at(a))).slice(mostKept))
    await deleteIfPresent(store, keyOf(kinds.CommitComment, old));
}
