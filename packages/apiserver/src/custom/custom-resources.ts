import { type Condition, keyOf, kinds, type ResourceType, withCondition } from '@tagboat/api';
import { type Clock, delay, describeError, isReason, type Logger, timestamp } from '@tagboat/base';
import { deleteIfPresent, mutate, mutateStatus, type ObjectStore } from '@tagboat/store';
import type { Kinds } from '../kinds.ts';
import {
  type CustomDefinition,
  type CustomDefinitionSpec,
  type CustomVersion,
  customKind,
  customType,
} from './definition.ts';

export interface CustomResourcesOptions {
  readonly store: ObjectStore;
  readonly kinds: Kinds;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Holds a definition until its objects are gone (apiextensions `customresourcecleanup`). */
const cleanup = 'customresourcecleanup.apiextensions.k8s.io';
const again = 300;

/** Serves the kinds that CustomResourceDefinitions declare, as soon as they are stored, and as long as they are. */
export class CustomResources implements AsyncDisposable {
  readonly #options: CustomResourcesOptions;
  readonly #stop = new AbortController();
  /** Definition name -> the types it brought. */
  readonly #served = new Map<string, ResourceType[]>();
  /** Definition name -> the generation that is served. */
  readonly #generations = new Map<string, string>();
  readonly #accepting = new Map<string, Promise<void>>();
  #task: Promise<void> = Promise.resolve();

  private constructor(options: CustomResourcesOptions) {
    this.#options = options;
  }

  /** Resolves when all stored definitions are served. */
  static async start(options: CustomResourcesOptions): Promise<CustomResources> {
    const started = new CustomResources(options);
    const { items, resourceVersion } = await options.store.list<CustomDefinition>(
      kinds.CustomResourceDefinition,
    );
    for (const definition of items) started.#serve(definition);
    started.#task = started.#follow(items, resourceVersion);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#task, ...this.#accepting.values()]);
  }

  async #follow(items: readonly CustomDefinition[], resourceVersion: string): Promise<void> {
    const { store, log, clock } = this.#options;
    const { signal } = this.#stop;
    let from = resourceVersion;
    for (const definition of items) this.#accept(definition);
    while (!signal.aborted)
      try {
        const type = kinds.CustomResourceDefinition;
        for await (const { type: change, object } of store.watch<CustomDefinition>(
          type,
          {},
          { from, signal },
        )) {
          from = object.metadata.resourceVersion!;
          if (change === 'DELETED') this.#withdraw(object.metadata.name);
          else {
            this.#serve(object);
            this.#accept(object);
          }
        }
      } catch (error) {
        if (!isReason(error, 'Expired'))
          log.warn('watching CustomResourceDefinitions failed; trying again', { error });
        ({ resourceVersion: from } = await store.list(kinds.CustomResourceDefinition));
        await delay(clock, again, signal);
      }
  }

  #serve({ metadata, spec }: CustomDefinition): void {
    if (!spec) return;
    const { kinds: known, log } = this.#options;
    const generation = `${metadata.uid}/${metadata.generation}`;
    if (this.#generations.get(metadata.name) === generation) return;
    this.#withdraw(metadata.name);
    this.#generations.set(metadata.name, generation);
    const types: ResourceType[] = [];
    for (const version of spec.versions) {
      if (!version.served) continue;
      const type = customType(spec, version);
      // A kind that is built in stays as it is: the platform acts on it, whatever a definition says.
      if (this.#isBuiltIn(type)) continue;
      try {
        known.setCustom(type, customKind(version, type));
        known.schemas.setCustom(type, schemaOf(version, spec));
        known.types.add(type);
        types.push(type);
      } catch (error) {
        log.warn(`cannot serve ${metadata.name}: ${describeError(error)}`);
      }
    }
    this.#served.set(metadata.name, types);
  }

  #isBuiltIn(type: ResourceType): boolean {
    return Object.values(kinds).some(
      (known: ResourceType) => known.group === type.group && known.plural === type.plural,
    );
  }

  #withdraw(name: string): void {
    for (const type of this.#served.get(name) ?? []) {
      this.#options.kinds.removeCustom(type);
      this.#options.kinds.types.remove(type);
    }
    this.#served.delete(name);
    this.#generations.delete(name);
  }

  /** One after another for each definition; a slow cleaning of one holds up no other. */
  #accept(definition: CustomDefinition): void {
    const { name } = definition.metadata;
    const before = this.#accepting.get(name) ?? Promise.resolve();
    const now = before.then(() => this.#settle(definition));
    this.#accepting.set(name, now);
    void now.then(() => this.#accepting.get(name) === now && this.#accepting.delete(name));
  }

  async #settle(definition: CustomDefinition): Promise<void> {
    try {
      if (definition.metadata.deletionTimestamp) await this.#clean(definition);
      else await this.#establish(definition);
    } catch (error) {
      if (!isReason(error, 'NotFound'))
        this.#options.log.warn(`cannot finish ${definition.metadata.name}`, { error });
    }
  }

  async #establish({ metadata, spec, status }: CustomDefinition): Promise<void> {
    if (!spec) return;
    const { store } = this.#options;
    const key = { type: kinds.CustomResourceDefinition, namespace: '', name: metadata.name };
    const established = status?.conditions?.some(
      ({ type, status: state }) => type === 'Established' && state === 'True',
    );
    if (!metadata.finalizers?.includes(cleanup))
      await mutate<CustomDefinition>(store, key, (draft) => {
        draft.metadata.finalizers = [...(draft.metadata.finalizers ?? []), cleanup];
      });
    const stored = spec.versions.find(({ storage }) => storage)?.name;
    if (established && stored && status?.storedVersions?.includes(stored)) return;
    await mutateStatus<CustomDefinition>(store, key, (draft) => {
      draft.status = {
        ...draft.status,
        acceptedNames: spec.names,
        storedVersions: [...new Set([...(draft.status?.storedVersions ?? []), ...(stored ? [stored] : [])])],
        conditions: this.#conditions(spec, draft.status?.conditions),
      };
    });
  }

  #conditions(spec: CustomDefinitionSpec, before: Condition[] | undefined): Condition[] {
    const now = timestamp(this.#options.clock);
    const builtIn = spec.versions.some((version) => this.#isBuiltIn(customType(spec, version)));
    const note = builtIn
      ? 'the kind is built in, and stays as it is'
      : 'the initial names have been accepted';
    const accepted: Condition = {
      type: 'NamesAccepted',
      status: 'True',
      reason: 'NoConflicts',
      message: 'no conflicts found',
    };
    const established: Condition = {
      type: 'Established',
      status: 'True',
      reason: 'InitialNamesAccepted',
      message: note,
    };
    return withCondition(withCondition(before, accepted, now), established, now);
  }

  /** Deletes all objects of a definition that is going, then lets it go. */
  async #clean({ metadata, spec }: CustomDefinition): Promise<void> {
    const { store, clock } = this.#options;
    const { signal } = this.#stop;
    if (!spec || !metadata.finalizers?.includes(cleanup)) return;
    const type = customType(spec, spec.versions[0]!);
    if (!this.#isBuiltIn(type))
      while (!signal.aborted) {
        const { items } = await store.list(type);
        if (items.length === 0) break;
        for (const object of items.filter((item) => !item.metadata.deletionTimestamp))
          await deleteIfPresent(store, keyOf(type, object));
        if (store.count(type) > 0) await delay(clock, again, signal);
      }
    const key = { type: kinds.CustomResourceDefinition, namespace: '', name: metadata.name };
    await mutate<CustomDefinition>(store, key, (draft) => {
      draft.metadata.finalizers = (draft.metadata.finalizers ?? []).filter((name) => name !== cleanup);
    });
  }
}

function schemaOf({ schema }: CustomVersion, spec: CustomDefinitionSpec) {
  const root = schema?.openAPIV3Schema ?? {};
  return spec.preserveUnknownFields ? { ...root, 'x-kubernetes-preserve-unknown-fields': true } : root;
}
