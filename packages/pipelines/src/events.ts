import type { Condition, KubernetesObject } from '@tagboat/api';
import type { Clock, Logger } from '@tagboat/base';
import { EventRecorder } from '@tagboat/controller';
import type { ResourceStore } from '@tagboat/store';

/** The events that Tekton's controllers emit about runs. */
export class RunEvents {
  readonly #recorder: EventRecorder;

  constructor(options: { store: ResourceStore; clock: Clock; log: Logger; component: string }) {
    this.#recorder = new EventRecorder(options);
  }

  /** Emits what the change of a run's condition means: Started, Succeeded, Failed, or the reason it now has. */
  changed(object: KubernetesObject, before: Condition | undefined, after: Condition | undefined): void {
    const message = after?.message ?? '';
    const { status, reason } = before ?? {};
    if (!after || (status === after.status && reason === after.reason && before?.message === message)) return;
    if (after.status === 'True') this.emit(object, 'Normal', 'Succeeded', message);
    else if (after.status === 'False') this.emit(object, 'Warning', 'Failed', message);
    else if (!before) this.emit(object, 'Normal', 'Started', '');
    else this.emit(object, 'Normal', after.reason ?? 'Running', message);
  }

  emit(object: KubernetesObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#recorder.record(object, { type, reason, message });
  }

  /** Resolves when all that was emitted is stored. */
  async flush(): Promise<void> {
    await this.#recorder.flush();
  }
}
