import { type Clock, canonicalJson } from '@tagboat/base';
import type { Application } from './application.ts';
import type { Comparison } from './plan-sync.ts';
import type { RenderedSource } from './source.ts';

interface Attempt {
  /** What was tried: a revision of a source. */
  readonly id: string;
  readonly count: number;
  /** Milliseconds of the clock that never goes back. */
  readonly at: number;
}

/** After so many milliseconds in peace the next attempt counts as a first one (Argo CD's cooldown of self-healing). */
const calm = 330_000;

const idOf = (application: Application, rendered: RenderedSource) =>
  canonicalJson({ revision: rendered.revision, source: application.spec!.source });

/** The newest attempts to sync each application, so that what fails is not tried again and again. */
export class SyncAttempts {
  readonly #clock: Clock;
  readonly #attempts = new Map<string, Attempt>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the application's policy wants a sync now (Argo CD's `automated` and `retry`). */
  isDue(application: Application, rendered: RenderedSource, comparison: Comparison): boolean {
    const automated = application.spec!.syncPolicy?.automated;
    if (!automated || automated.enabled === false || comparison.synced) return false;
    if (comparison.toApply.length === 0 && !automated.prune) return false;
    if (rendered.objects.length === 0 && comparison.toPrune.length > 0 && !automated.allowEmpty) return false;
    const before = this.#attempts.get(application.metadata.name);
    if (before?.id !== idOf(application, rendered)) return true;
    const synced = application.status?.operationState?.phase === 'Succeeded';
    const limit = application.spec!.syncPolicy?.retry?.limit ?? 5;
    const wait = before.count <= 1 ? 0 : Math.min(300_000, 2000 * 3 ** (before.count - 2));
    const due = this.#clock.monotonic() - before.at >= wait;
    return due && (synced ? (automated.selfHeal ?? false) : before.count <= limit);
  }

  note(application: Application, rendered: RenderedSource): void {
    const id = idOf(application, rendered);
    const before = this.#attempts.get(application.metadata.name);
    const now = this.#clock.monotonic();
    const goesOn = before?.id === id && now - before.at < calm;
    this.#attempts.set(application.metadata.name, { id, count: goesOn ? before.count + 1 : 1, at: now });
  }

  /** An application of that name that comes later is another one. */
  forget(name: string): void {
    this.#attempts.delete(name);
  }

  /** Milliseconds until an application that is not synced is looked at again; undefined where nothing was tried. */
  again(name: string): number | undefined {
    const attempt = this.#attempts.get(name);
    return attempt && 2000 * 3 ** Math.min(attempt.count, 5);
  }
}
