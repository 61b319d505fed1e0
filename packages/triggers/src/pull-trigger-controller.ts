import {
  kinds,
  type PipelineRun,
  type PullRequest,
  type PullRequestComment,
  type Repository,
  type ResourceKey,
} from '@tagboat/api';
import { isReason, TagboatError } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import { runAnnotations, runLabels } from '@tagboat/render';
import { mutateStatus } from '@tagboat/store';
import { cancelRuns, isWanted, runsAt } from './asked-runs.ts';
import { commandOf, eventTypeOfCommand } from './commands.ts';
import type { EventSource } from './event-source.ts';
import { Ledger } from './ledger.ts';
import { Permissions } from './permissions.ts';
import type { RefToHandle } from './plan-triggers.ts';
import { allowsHead, endWaiting, isApproved, waitingPulls } from './pull-approval.ts';
import { type Made, RunMaker, type TriggerOptions } from './run-maker.ts';
import { waitsForLabel, waitsForReady } from './tekton/matching.ts';
import type { CommentEvent } from './trigger-event.ts';

/** The head that a pull request of an outside repository had when that was connected. */
const initialHeadAnnotation = 'tagboat.dev/initial-head';

/** Makes the checks of pull requests, once per head, and does what comments ask for, once per comment. */
export function pullTriggerController(options: TriggerOptions): Controller {
  const permissions = new Permissions(options);
  return new Controller({
    name: 'pull-triggers',
    reader: options.store,
    type: kinds.PullRequest,
    clock: options.clock,
    log: options.log,
    watches: [
      { type: kinds.Repository, changesOnly: true, keys: (changed) => waitingPulls(options.store, changed) },
    ],
    reconciler: { reconcile: (key) => new PullTrigger(options, permissions, key).reconcile() },
  });
}

class PullTrigger {
  readonly #options: TriggerOptions;
  readonly #permissions: Permissions;
  readonly #key: ResourceKey;

  constructor(options: TriggerOptions, permissions: Permissions, key: ResourceKey) {
    this.#options = options;
    this.#permissions = permissions;
    this.#key = key;
  }

  async reconcile(): Promise<undefined> {
    const { store } = this.#options;
    const pull = await store.get<PullRequest>(this.#key);
    const head = pull?.status?.headCommit;
    if (!pull?.spec || !head) return undefined;
    // What was said about a change that is closed is not done when it is opened again.
    if (pull.spec.state === 'closed' || pull.status?.mergedAt) {
      await this.#endRuns(pull);
      return this.#markRead((pull.spec.comments ?? []).length);
    }
    const repository = await store.get<Repository>({
      type: kinds.Repository,
      namespace: this.#key.namespace,
      name: pull.spec.repository,
    });
    if (!repository || repository.spec?.role === 'deployment') return undefined;
    await this.#readComments(pull, repository);
    await this.#checkHead(await this.#current(pull), repository);
    await this.#readChanges(await this.#current(pull), repository);
    return undefined;
  }

  /** What a newer push would have ended is ended by closing, too: nobody waits for it any more. */
  async #endRuns({ spec }: PullRequest): Promise<void> {
    const { store } = this.#options;
    const { items } = await store.list<PipelineRun>(kinds.PipelineRun, {
      namespace: this.#key.namespace,
      labels: [
        { key: runLabels.repository, operator: 'In', values: [spec!.repository] },
        { key: runLabels.pullRequest, operator: 'In', values: [String(spec!.number)] },
      ],
    });
    const ended = items.filter(({ metadata }) => metadata.annotations?.[runAnnotations.cancelInProgress]);
    await cancelRuns(store, ended, undefined);
  }

  /** A label that was added, and a draft that is ready, start the runs that wait for it, at the head that is there; no others. */
  async #readChanges(pull: PullRequest, repository: Repository): Promise<void> {
    const { labelsRead, draftRead = false, headCommit = '', approvedCommits = [] } = pull.status ?? {};
    const { labels = [], draft: isDraft = false } = pull.spec ?? {};
    if (labelsRead !== undefined && sameLabels(labelsRead, labels) && draftRead === isDraft) return;
    const added = labels.filter((label) => labelsRead && !labelsRead.includes(label));
    const isReady = draftRead && !isDraft;
    const ref = refOf(pull, headCommit);
    const ledger = new Ledger(this.#options.store, this.#key.namespace, repository.metadata.name);
    const mayRun = async () =>
      approvedCommits.includes(headCommit) || !(await this.#permissions.needsApproval(pull, repository));
    const isWaited = ({ metadata: { annotations = {} } }: PipelineRun) =>
      (added.length > 0 && waitsForLabel(annotations, added)) || (isReady && waitsForReady(annotations));
    if ((added.length > 0 || isReady) && (await mayRun()) && (await ledger.has(ref)))
      await this.#make({ repository, ref, pull }, { sequence: 0, filter: async (run) => isWaited(run) });
    await mutateStatus<PullRequest>(this.#options.store, this.#key, (draft) => {
      draft.status = { ...draft.status, labelsRead: [...labels], draftRead: isDraft };
    });
  }

  async #current(pull: PullRequest): Promise<PullRequest> {
    return (await this.#options.store.get<PullRequest>(this.#key)) ?? pull;
  }

  /** The runs of the head, when the ledger does not know it yet. */
  async #checkHead(pull: PullRequest, repository: Repository): Promise<void> {
    const { spec, status } = pull;
    const head = status?.headCommit;
    if (!head) return;
    const isInitial = pull.metadata.annotations?.[initialHeadAnnotation] === head;
    const ledger = new Ledger(this.#options.store, this.#key.namespace, repository.metadata.name);
    const ref = refOf(pull, head);
    if (await ledger.has(ref)) return;
    const waits = !isInitial && (await this.#permissions.needsApproval(pull, repository));
    if (waits && !(await isApproved(this.#options, pull, head))) return;
    if (!waits) await endWaiting(this.#options, pull, head);
    if (isInitial) {
      await ledger.record(ref, {
        sequence: 0,
        runs: [],
        reason: 'was there when the repository was connected',
      });
      return;
    }
    const entries = await ledger.entries();
    const made = await this.#make({ repository, ref, pull, ledger: entries }, { sequence: 0 });
    await ledger.record(ref, { sequence: 0, ...made });
    await ledger.forgetBefore(ref, entries);
    this.#options.log.info(
      `pull request ${spec!.number}: ${made.runs.join(', ') || `nothing to do: ${made.reason ?? ''}`}`,
      { repository: repository.metadata.name },
    );
  }

  /** A head that the forge tells of before its git server has it is asked for again. */
  async #make(source: Omit<EventSource, 'mirror'>, about: Parameters<RunMaker['make']>[1]): Promise<Made> {
    const mirror = await this.#options.mirrorOf(source.repository);
    try {
      return await new RunMaker(this.#options).make({ ...source, mirror }, about);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
      throw new TagboatError(`${source.ref.ref} is not there yet: ${error.message}`, {
        reason: 'Unavailable',
        cause: error,
      });
    }
  }

  async #readComments(pull: PullRequest, repository: Repository): Promise<void> {
    const comments = pull.spec!.comments ?? [];
    const read = pull.status?.commandsRead ?? 0;
    for (let index = read; index < comments.length; index++) {
      const comment = comments[index]!;
      if (await this.#mayAsk(comment, repository))
        await this.#obey(await this.#current(pull), repository, { comment, index });
      await this.#markRead(index + 1);
    }
  }

  async #mayAsk(comment: PullRequestComment, repository: Repository): Promise<boolean> {
    // What starts a run may be any text: of that nothing is said.
    if (await this.#permissions.mayAsk(repository, comment)) return true;
    if (commandOf(comment.body))
      this.#options.log.warn(
        `${comment.author} may not ask for runs: neither their rights, nor the policy, nor OWNERS say so`,
        { repository: repository.metadata.name },
      );
    return false;
  }

  async #markRead(count: number): Promise<undefined> {
    await mutateStatus<PullRequest>(this.#options.store, this.#key, (draft) => {
      if ((draft.status?.commandsRead ?? 0) >= count) return false;
      draft.status = { ...draft.status, commandsRead: count };
      return undefined;
    });
  }

  async #obey(
    pull: PullRequest,
    repository: Repository,
    about: { comment: PullRequestComment; index: number },
  ): Promise<void> {
    const { comment, index } = about;
    const command = commandOf(comment.body);
    if (command?.kind === 'ok-to-test') return this.#approve(pull, command.commit, comment);
    const head = pull.status!.headCommit!;
    const before = () =>
      runsAt(this.#options.store, {
        namespace: this.#key.namespace,
        repository: pull.spec!.repository,
        ref: refOf(pull, head).ref,
        commit: head,
      });
    if (command?.kind === 'cancel') {
      await cancelRuns(this.#options.store, await before(), command.name);
      return;
    }
    const approved = pull.status?.approvedCommits?.includes(head);
    if (!approved && (await this.#permissions.needsApproval(pull, repository))) return;
    await this.#checkHead(pull, repository);
    const event: CommentEvent = {
      index,
      body: comment.body,
      author: comment.author,
      eventType: eventTypeOfCommand(command),
      ...(command?.name === undefined ? {} : { only: command.name }),
      ...(command ? {} : { custom: true }),
    };
    const made = await this.#make(
      { repository, ref: refOf(pull, head), pull, comment: event },
      { sequence: 0, filter: async (run) => isWanted(command, run, await before()) },
    );
    if (made.runs.length > 0)
      this.#options.log.info(`pull request ${pull.spec!.number}: asked for ${made.runs.join(', ')}`);
  }

  async #approve(pull: PullRequest, named: string | undefined, comment: PullRequestComment): Promise<void> {
    const { headCommit = '' } = pull.status ?? {};
    if (!allowsHead(pull, named, comment)) {
      this.#options.log.warn(
        `pull request ${pull.spec!.number}: ${comment.author} allowed another commit than ${headCommit.slice(0, 10)}`,
      );
      return;
    }
    await mutateStatus<PullRequest>(this.#options.store, this.#key, (draft) => {
      const before = draft.status?.approvedCommits ?? [];
      if (before.includes(headCommit)) return false;
      draft.status = { ...draft.status, approvedCommits: [...before, headCommit] };
      return undefined;
    });
  }
}

const sameLabels = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((label) => b.includes(label));

const refOf = (pull: PullRequest, commit: string): RefToHandle => ({
  ref: `refs/pull/${pull.spec!.number}/head`,
  commit,
  kind: 'pull',
  short: `pr-${pull.spec!.number}`,
});
