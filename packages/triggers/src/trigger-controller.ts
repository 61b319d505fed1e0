import {
  type HandledRef,
  keyOf,
  kinds,
  type PipelineRun,
  type Repository,
  type ResourceKey,
} from '@tagboat/api';
import { type Clock, describeError, deterministicName, type Logger, timestamp } from '@tagboat/base';
import { Controller } from '@tagboat/controller';
import { Commit } from '@tagboat/git-client';
import {
  environmentsClaimOf,
  type Model,
  type ModelFile,
  modelFileName,
  readModelFile,
  runLabels,
} from '@tagboat/render';
import {
  applySpec,
  createIfAbsent,
  deleteIfPresent,
  mutate,
  mutateStatus,
  type ResourceStore,
} from '@tagboat/store';
import { aicoeFileNames, readAicoe, runForAicoe } from './aicoe.ts';
import {
  failedRun,
  isConfigurationError,
  type PlannedRuns,
  type RunSettings,
  runsForModels,
} from './plan-runs.ts';
import { nextSequence, type RefToHandle, refsToHandle } from './plan-triggers.ts';

export interface TriggerOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** A bare clone on this machine of a Repository, up to date. */
  readonly mirrorOf: (repository: Repository) => Promise<string>;
  /** The URL under which runs reach that clone; default: the repository's own. */
  readonly cloneUrl?: (project: string, repository: string) => string;
  /** Host and port of the registry. */
  readonly registry: string;
  /** The deployment repository of a model. */
  readonly deploymentUrl: (project: string, model: string) => string;
}

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
    reconciler: { reconcile: (key) => new Trigger(options, key).reconcile() },
  });
}

class Trigger {
  readonly #options: TriggerOptions;
  readonly #key: ResourceKey;

  constructor(options: TriggerOptions, key: ResourceKey) {
    this.#options = options;
    this.#key = key;
  }

  async reconcile(): Promise<undefined> {
    const { store } = this.#options;
    const repository = await store.get<Repository>(this.#key);
    if (!repository?.status?.refs || repository.spec?.role === 'deployment') return undefined;
    const ledger = await this.#ledger();
    const refs = refsToHandle(repository.status.refs, ledger);
    if (refs.length === 0) return undefined;
    if (
      repository.spec?.url !== undefined &&
      repository.metadata.annotations?.[initialAnnotation] === undefined
    ) {
      await this.#recordInitial(refs);
      return undefined;
    }
    const mirror = await this.#options.mirrorOf(repository);
    let sequence = nextSequence(ledger);
    for (const ref of refs) {
      await this.#handle(repository, { ref, mirror, sequence });
      await this.#forgetBranch(ref, ledger);
      sequence++;
    }
    return undefined;
  }

  async #ledger(): Promise<HandledRef[]> {
    const labels = [{ key: runLabels.repository, operator: 'In' as const, values: [this.#key.name] }];
    const { items } = await this.#options.store.list<HandledRef>(kinds.HandledRef, {
      namespace: this.#key.namespace,
      labels,
    });
    return [...items];
  }

  /** What an outside repository had when it was connected is known, but not run. */
  async #recordInitial(refs: readonly RefToHandle[]): Promise<void> {
    const { store, clock } = this.#options;
    for (const [index, ref] of refs.entries())
      await this.#record(ref, {
        sequence: index + 1,
        runs: [],
        reason: 'was there when the repository was connected',
      });
    await mutate<Repository>(store, this.#key, (draft) => {
      draft.metadata.annotations = { ...draft.metadata.annotations, [initialAnnotation]: timestamp(clock) };
    });
  }

  async #handle(
    repository: Repository,
    work: { ref: RefToHandle; mirror: string; sequence: number },
  ): Promise<void> {
    const { ref, mirror, sequence } = work;
    const { store, log } = this.#options;
    const settings = this.#settings(repository);
    let planned: PlannedRuns;
    try {
      const commit = await Commit.at(mirror, ref.commit);
      planned = await this.#plan(settings, { ref, commit, sequence });
    } catch (error) {
      if (!isConfigurationError(error)) throw error;
      await this.#refuse(failedRun(settings, ref), describeError(error));
      await this.#record(ref, {
        sequence,
        runs: [failedRun(settings, ref).metadata.name],
        reason: describeError(error),
      });
      return;
    }
    if (planned.runs.length > 0) await this.#ensureEnvironmentsClaim();
    for (const run of planned.runs) await createIfAbsent(store, keyOf(kinds.PipelineRun, run), run);
    await this.#record(ref, {
      sequence,
      runs: planned.runs.map(({ metadata }) => metadata.name),
      ...(planned.reason ? { reason: planned.reason } : {}),
    });
    log.info(
      planned.runs.length > 0
        ? `${ref.kind} ${ref.short}: ${planned.runs.map(({ metadata }) => metadata.name).join(', ')}`
        : `${ref.kind} ${ref.short}: nothing to do: ${planned.reason ?? ''}`,
      { repository: this.#key.name },
    );
  }

  async #plan(
    settings: RunSettings,
    { ref, commit, sequence }: { ref: RefToHandle; commit: Commit; sequence: number },
  ): Promise<PlannedRuns> {
    const text = await commit.readText(modelFileName);
    if (text !== undefined) {
      const models = readModelFile(text, modelFileName);
      if (ref.kind === 'tag' || ref.short === settings.defaultBranch)
        for (const model of models) await this.#ensureModel(model);
      return runsForModels(settings, ref, models, sequence);
    }
    for (const name of aicoeFileNames) {
      const aicoe = await commit.readText(name);
      if (aicoe !== undefined) return runForAicoe(settings, ref, readAicoe(aicoe, name));
    }
    return {
      runs: [],
      reason: `the repository has no ${modelFileName} at this commit; propose one with: tagboat init`,
    };
  }

  #settings(repository: Repository): RunSettings {
    const { registry, deploymentUrl } = this.#options;
    const refs = repository.status?.refs ?? {};
    const repositoryUrl = repository.status?.url ?? repository.spec?.url ?? '';
    return {
      project: this.#key.namespace,
      repository: this.#key.name,
      repositoryUrl,
      cloneUrl: this.#options.cloneUrl?.(this.#key.namespace, this.#key.name) ?? repositoryUrl,
      defaultBranch: repository.status?.defaultBranch ?? 'main',
      registry,
      deploymentUrl: (model) => deploymentUrl(this.#key.namespace, model),
      tags: Object.keys(refs).flatMap((ref) =>
        ref.startsWith('refs/tags/') ? [ref.slice('refs/tags/'.length)] : [],
      ),
    };
  }

  async #ensureModel(model: ModelFile): Promise<void> {
    const { store } = this.#options;
    const object: Model = {
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'Model',
      metadata: {
        name: model.name,
        namespace: this.#key.namespace,
        labels: { [runLabels.repository]: this.#key.name },
      },
      spec: JSON.parse(JSON.stringify({ ...model.spec, repository: this.#key.name })) as Model['spec'],
    };
    await applySpec(store, keyOf(kinds.Model, object), object);
  }

  async #ensureEnvironmentsClaim(): Promise<void> {
    const claim = environmentsClaimOf(this.#key.namespace);
    await createIfAbsent(this.#options.store, keyOf(kinds.PersistentVolumeClaim, claim), claim);
  }

  async #refuse(run: PipelineRun, message: string): Promise<void> {
    const { store, clock } = this.#options;
    const key = keyOf(kinds.PipelineRun, run);
    await createIfAbsent(store, key, run);
    const now = timestamp(clock);
    await mutateStatus<PipelineRun>(store, key, (draft) => {
      draft.status = {
        startTime: now,
        completionTime: now,
        conditions: [
          {
            type: 'Succeeded',
            status: 'False',
            reason: 'InvalidConfiguration',
            message,
            lastTransitionTime: now,
          },
        ],
      };
    });
  }

  async #record(
    ref: RefToHandle,
    entry: { sequence: number; runs: readonly string[]; reason?: string },
  ): Promise<void> {
    const object: HandledRef = {
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'HandledRef',
      metadata: {
        name: deterministicName(`${this.#key.name}-${ref.short}`, [ref.ref, ref.commit]),
        namespace: this.#key.namespace,
        labels: { [runLabels.repository]: this.#key.name },
      },
      spec: {
        repository: this.#key.name,
        ref: ref.ref,
        commit: ref.commit,
        sequence: entry.sequence,
        pipelineRuns: [...entry.runs],
        ...(entry.reason ? { reason: entry.reason } : {}),
      },
    };
    await createIfAbsent(this.#options.store, keyOf(kinds.HandledRef, object), object);
  }

  /** A branch needs only its latest entry, or the ledger would grow with every push. */
  async #forgetBranch(ref: RefToHandle, ledger: readonly HandledRef[]): Promise<void> {
    if (ref.kind !== 'branch') return;
    for (const entry of ledger)
      if (entry.spec?.ref === ref.ref && entry.spec.commit !== ref.commit)
        await deleteIfPresent(this.#options.store, keyOf(kinds.HandledRef, entry));
  }
}
