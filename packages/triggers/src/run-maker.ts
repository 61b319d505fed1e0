import { keyOf, kinds, type PipelineRun, type Repository, type Secret } from '@tagboat/api';
import { type Clock, describeError, type Logger, timestamp } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import { environmentsClaimOf, type Model, type ModelFile, runAnnotations, runLabels } from '@tagboat/render';
import { applySpec, createIfAbsent, mutateStatus, type ResourceStore } from '@tagboat/store';
import { CommitMemory } from './commit-memory.ts';
import { commitStatus, writeStatus } from './commit-statuses.ts';
import { type EventSource, eventOf } from './event-source.ts';
import { failedRun, isConfigurationError, type RunSettings } from './plan-runs.ts';
import { type Plan, type PlannerOptions, planRuns } from './planner.ts';
import { annotationNames } from './tekton/matching.ts';
import { gitAuthSecret } from './tekton/variables.ts';
import { skipsChecks, type TriggerEvent } from './trigger-event.ts';

export interface TriggerOptions extends Pick<PlannerOptions, 'fetchText'> {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** A bare clone on this machine of a Repository, up to date. */
  readonly mirrorOf: (repository: Repository) => Promise<string>;
  /** The URL under which runs reach that clone; default: the repository's own. */
  readonly cloneUrl?: (project: string, repository: string) => string;
  /** Host and port of the registry. */
  readonly registry: string;
  /** The console's page of a run. */
  readonly page?: (project: string, run: string) => string;
  /** The deployment repository of a model. */
  readonly deploymentUrl: (project: string, model: string) => string;
  /** Why this machine has no container engine, where it has none. */
  readonly noEngine?: () => string | undefined;
}

export interface Made {
  /** Names of the runs. */
  readonly runs: readonly string[];
  readonly reason?: string;
  readonly notices?: readonly string[];
}

/** Makes the runs that something that happened calls for; made again, they are the same. */
export class RunMaker {
  readonly #options: TriggerOptions;
  readonly #memory = new CommitMemory();

  constructor(options: TriggerOptions) {
    this.#options = options;
  }

  /** `filter`: which of the planned runs are wanted. */
  async make(
    asked: EventSource,
    about: { sequence: number; filter?: (run: PipelineRun) => Promise<boolean> },
  ): Promise<Made> {
    const { repository } = asked;
    const { namespace = '', name } = repository.metadata;
    const cloneUrl = this.#options.cloneUrl?.(namespace, name);
    const source = { ...asked, memory: this.#memory, ...(cloneUrl ? { cloneUrl } : {}) };
    const { event, commit } = await eventOf(source);
    const skip = skipsChecks(event.message);
    if (skip && !event.comment && !event.incoming && event.ref.kind !== 'candidate')
      return this.#skip(event, `${skip} in the commit's message`);
    let plan: Plan;
    try {
      plan = await planRuns({ ...this.#options, reader: this.#options.store }, event, {
        commit,
        settings: this.#settings(repository),
        sequence: about.sequence,
        ...(repository.spec ? { repository: repository.spec } : {}),
        ...(await definitionsOf(source)),
      });
    } catch (error) {
      if (!isConfigurationError(error)) throw error;
      if (event.comment?.custom) return { runs: [], reason: describeError(error) };
      return this.#refuse(event, describeError(error));
    }
    const { ref } = event;
    if (ref.kind === 'tag' || (ref.kind === 'branch' && ref.short === event.defaultBranch))
      for (const model of plan.models) await this.#ensureModel(event, model);
    return this.#create(event, plan, about.filter);
  }

  /** Said beside the commit, so that a skipped commit is not taken for one that was not seen. */
  async #skip(event: TriggerEvent, reason: string): Promise<Made> {
    const { store, clock } = this.#options;
    await writeStatus(
      store,
      commitStatus({
        namespace: event.project,
        repository: event.repository,
        commit: event.ref.commit,
        context: 'tagboat/check',
        state: 'success',
        description: `skipped: ${reason}`,
        updatedAt: timestamp(clock),
      }),
    );
    return { runs: [], reason };
  }

  async #create(
    event: TriggerEvent,
    plan: Plan,
    filter: ((run: PipelineRun) => Promise<boolean>) | undefined,
  ): Promise<Made> {
    const { store } = this.#options;
    const wanted: PipelineRun[] = [];
    for (const run of plan.runs) if (!filter || (await filter(run))) wanted.push(run);
    if (wanted.length > 0) {
      const claim = environmentsClaimOf(event.project);
      await createIfAbsent(store, keyOf(kinds.PersistentVolumeClaim, claim), claim);
    }
    if (
      wanted.some(({ spec }) => spec?.workspaces?.some(({ secret }) => secret?.secretName === gitAuthSecret))
    )
      await this.#ensureGitAuth(event);
    const notices = plan.notices ?? [];
    for (const run of wanted)
      await createIfAbsent(store, keyOf(kinds.PipelineRun, run), this.#withLogUrl(withNotices(run, notices)));
    return {
      runs: wanted.map(({ metadata }) => metadata.name),
      ...(plan.reason ? { reason: plan.reason } : {}),
      ...(notices.length > 0 ? { notices } : {}),
    };
  }

  /** Where Pipelines-as-Code's own tools look for the page of a run. */
  #withLogUrl(run: PipelineRun): PipelineRun {
    const { page } = this.#options;
    if (!page) return run;
    const { annotations, namespace = '', name } = run.metadata;
    return {
      ...run,
      metadata: {
        ...run.metadata,
        annotations: { ...annotations, [annotationNames.logUrl]: page(namespace, name) },
      },
    };
  }

  #settings(repository: Repository): RunSettings {
    const { registry, deploymentUrl } = this.#options;
    const { namespace = '' } = repository.metadata;
    const noEngine = this.#options.noEngine?.();
    return {
      ...(noEngine ? { noEngine } : {}),
      registry,
      deploymentUrl: (model) => deploymentUrl(namespace, model),
      tags: Object.keys(repository.status?.refs ?? {}).flatMap((ref) =>
        ref.startsWith('refs/tags/') ? [ref.slice('refs/tags/'.length)] : [],
      ),
    };
  }

  async #ensureGitAuth({ project }: TriggerEvent): Promise<void> {
    const text = "# git in this pod finds the pod's own token by itself\n";
    const encoded = Buffer.from(text).toString('base64');
    const secret: Secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: gitAuthSecret, namespace: project },
      type: 'Opaque',
      data: { '.gitconfig': encoded, '.git-credentials': encoded },
    };
    await createIfAbsent(this.#options.store, keyOf(kinds.Secret, secret), secret);
  }

  async #ensureModel(event: TriggerEvent, model: ModelFile): Promise<void> {
    const object: Model = {
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Model',
      metadata: {
        name: model.name,
        namespace: event.project,
        labels: { [runLabels.repository]: event.repository },
      },
      spec: JSON.parse(JSON.stringify({ ...model.spec, repository: event.repository })) as Model['spec'],
    };
    await applySpec(this.#options.store, keyOf(kinds.Model, object), object);
  }

  /** A run that shows what is wrong with the repository's files. */
  async #refuse(event: TriggerEvent, message: string): Promise<Made> {
    const { store, clock } = this.#options;
    const run = failedRun(event);
    const key = keyOf(kinds.PipelineRun, run);
    await createIfAbsent(store, key, run);
    const now = timestamp(clock);
    await mutateStatus<PipelineRun>(store, key, (draft) => {
      if (draft.status?.completionTime) return false;
      const condition = {
        type: 'Succeeded',
        status: 'False' as const,
        reason: 'InvalidConfiguration',
        message,
        lastTransitionTime: now,
      };
      draft.status = { startTime: now, completionTime: now, conditions: [condition] };
      return undefined;
    });
    return { runs: [run.metadata.name], reason: message };
  }
}

/** The head of the default branch, where only its `.tekton/` counts. */
async function definitionsOf({
  repository,
  mirror,
  memory,
}: EventSource & { memory: CommitMemory }): Promise<{ definitions: Commit } | Record<string, never>> {
  const { spec, status } = repository;
  if (spec?.settings?.pipelinerun_provenance !== 'default_branch') return {};
  const head = status?.refs?.[`refs/heads/${status.defaultBranch ?? 'main'}`];
  return head ? { definitions: await memory.commit(mirror, head) } : {};
}

function withNotices(run: PipelineRun, notices: readonly string[]): PipelineRun {
  if (notices.length === 0) return run;
  const { annotations = {} } = run.metadata;
  const all = [annotations[runAnnotations.notices], ...notices].filter(Boolean).join('; ');
  return {
    ...run,
    metadata: { ...run.metadata, annotations: { ...annotations, [runAnnotations.notices]: all } },
  };
}
