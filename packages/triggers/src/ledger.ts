import { type HandledRef, keyOf, kinds } from '@tagboat/api';
import { deterministicName } from '@tagboat/base';
import { runLabels } from '@tagboat/render';
import { createIfAbsent, deleteIfPresent, type ResourceStore } from '@tagboat/store';
import type { RefToHandle } from './plan-triggers.ts';

/** What was done about each ref of a repository at each commit; it outlives the runs. */
export class Ledger {
  readonly #store: ResourceStore;
  readonly #namespace: string;
  readonly #repository: string;

  constructor(store: ResourceStore, namespace: string, repository: string) {
    this.#store = store;
    this.#namespace = namespace;
    this.#repository = repository;
  }

  async entries(): Promise<HandledRef[]> {
    const labels = [{ key: runLabels.repository, operator: 'In' as const, values: [this.#repository] }];
    const { items } = await this.#store.list<HandledRef>(kinds.HandledRef, {
      namespace: this.#namespace,
      labels,
    });
    return [...items];
  }

  async has(ref: RefToHandle): Promise<boolean> {
    return (
      (await this.#store.get({
        type: kinds.HandledRef,
        namespace: this.#namespace,
        name: this.#nameOf(ref),
      })) !== undefined
    );
  }

  async record(
    ref: RefToHandle,
    entry: { sequence: number; runs: readonly string[]; reason?: string; notices?: readonly string[] },
  ): Promise<HandledRef> {
    const object: HandledRef = {
      apiVersion: 'tagboat.dev/v1alpha1',
      kind: 'HandledRef',
      metadata: {
        name: this.#nameOf(ref),
        namespace: this.#namespace,
        labels: { [runLabels.repository]: this.#repository },
      },
      spec: {
        repository: this.#repository,
        ref: ref.ref,
        commit: ref.commit,
        sequence: entry.sequence,
        pipelineRuns: [...entry.runs],
        ...(entry.reason ? { reason: entry.reason } : {}),
        ...(entry.notices && entry.notices.length > 0 ? { notices: [...entry.notices] } : {}),
      },
    };
    await createIfAbsent(this.#store, keyOf(kinds.HandledRef, object), object);
    return object;
  }

  /**
   * A branch or pull request needs only its latest entry, or the ledger would grow with every push.
   * @returns those that are gone
   */
  async forgetBefore(ref: RefToHandle, entries: readonly HandledRef[]): Promise<readonly HandledRef[]> {
    if (ref.kind !== 'branch' && ref.kind !== 'pull') return [];
    const old = entries.filter(({ spec }) => spec?.ref === ref.ref && spec.commit !== ref.commit);
    for (const entry of old) await deleteIfPresent(this.#store, keyOf(kinds.HandledRef, entry));
    return old;
  }

  #nameOf(ref: RefToHandle): string {
    return deterministicName(`${this.#repository}-${ref.short}`, [ref.ref, ref.commit]);
  }
}
