import { apiVersionOf, type KubernetesObject, keyOf, kinds } from '@tagboat/api';
import { type Clock, isReason, type Logger, shortHash, timestamp } from '@tagboat/base';
import { mutate, type Reader, type Writer } from '@tagboat/store';

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** One word in CamelCase, such as `Started`. */
  readonly reason: string;
  readonly message: string;
  /** The part of the object that it is about, such as `spec.containers{web}`. */
  readonly fieldPath?: string;
}

export interface EventRecorderOptions {
  readonly store: Reader & Writer;
  readonly clock: Clock;
  readonly log: Logger;
  /** Who reports, such as `kubelet`. */
  readonly component: string;
  /** The node it is reported from. */
  readonly host?: string;
}

/** core/v1 Event. */
export type Event = KubernetesObject & {
  involvedObject: Record<string, string>;
  reason: string;
  message: string;
  type: string;
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
  [field: string]: unknown;
};

interface Pending {
  readonly event: Event;
  count: number;
}

/** So many different messages of one kind about one object are told apart; more count as one (client-go `EventAggregator`). */
const mostSimilar = 10;
const similarFor = 10 * 60_000;

/** How many events are remembered, so that they are counted when they come again. */
const mostNames = 4096;

/** Longer messages are cut (events.k8s.io/v1 `note`). */
const longestMessage = 1024;

/**
 * Writes Events about objects (client-go tools/record). The same event about the same object is one object with a
 * growing count. Recording never waits and never fails: what cannot be written is logged.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #pending = new Map<string, Pending>();
  /** The names of events by what they say, the newest last. */
  readonly #names = new Map<string, string>();
  #sequence = 0;
  readonly #similar = new Map<string, { since: number; messages: Set<string> }>();
  #writing: Promise<void> | undefined;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  record(object: KubernetesObject, text: EventText): void {
    const event = this.#combined(this.#eventOf(object, text));
    const id = `${event.metadata.namespace}/${event.metadata.name}`;
    const waiting = this.#pending.get(id);
    if (waiting) waiting.count++;
    else this.#pending.set(id, { event, count: 1 });
    this.#writing ??= this.#write();
  }

  /** Resolves when all that was recorded is stored. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** An event whose message changes each time must not fill the store: its later ones share one object. */
  #combined(event: Event): Event {
    const now = this.#options.clock.now();
    const key = `${event.involvedObject.uid}/${event.type}/${event.reason}`;
    let similar = this.#similar.get(key);
    if (!similar || now - similar.since > similarFor) {
      if (this.#similar.size > 5000) this.#similar.clear();
      similar = { since: now, messages: new Set() };
      this.#similar.set(key, similar);
    }
    if (similar.messages.size < mostSimilar) similar.messages.add(event.message);
    if (similar.messages.has(event.message)) return event;
    const { name } = event.metadata;
    const shared = shortHash([key, 'similar'], 16);
    return {
      ...event,
      metadata: { ...event.metadata, name: `${name.slice(0, name.lastIndexOf('.'))}.${shared}` },
      message: `(combined from similar events): ${event.message}`,
    };
  }

  async #write(): Promise<void> {
    await Promise.resolve();
    while (this.#pending.size > 0) {
      const batch = [...this.#pending.values()];
      this.#pending.clear();
      await Promise.all(batch.map((pending) => this.#store(pending)));
    }
    this.#writing = undefined;
  }

  async #store({ event, count }: Pending): Promise<void> {
    const { store, log } = this.#options;
    try {
      await store.create<Event>({ ...event, count });
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) return log.debug('an event is lost', { error });
      await mutate<Event>(store, keyOf(kinds.Event, event), (draft) => {
        draft.count += count;
        draft.lastTimestamp = event.lastTimestamp;
        draft.message = event.message;
      }).catch((failure: unknown) => log.debug('an event is lost', { error: failure }));
    }
  }

  /** Named by time, as Kubernetes does it: lists then show events of one second in their order. */
  #nameOf(object: string, said: string): string {
    const known = this.#names.get(said);
    const time = Math.round(this.#options.clock.now()) * 4096 + (this.#sequence++ % 4096);
    const name = known ?? `${object}.${time.toString(16).padStart(16, '0')}`;
    this.#names.delete(said);
    this.#names.set(said, name);
    if (this.#names.size > mostNames) this.#names.delete(this.#names.keys().next().value!);
    return name;
  }

  #eventOf(object: KubernetesObject, { type, reason, message, fieldPath }: EventText): Event {
    const { clock, component, host } = this.#options;
    const { name, namespace, uid = '', resourceVersion = '' } = object.metadata;
    const now = timestamp(clock);
    const said = shortHash([uid, type, reason, message, fieldPath ?? '', component], 16);
    return {
      apiVersion: apiVersionOf(kinds.Event),
      kind: 'Event',
      metadata: { name: this.#nameOf(name, said), namespace: namespace ?? 'default' },
      involvedObject: {
        kind: object.kind,
        apiVersion: object.apiVersion,
        ...(namespace ? { namespace } : {}),
        name,
        uid,
        resourceVersion,
        ...(fieldPath ? { fieldPath } : {}),
      },
      reason,
      message: message.length > longestMessage ? `${message.slice(0, longestMessage - 3)}...` : message,
      source: { component, ...(host ? { host } : {}) },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      type,
      eventTime: null,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }
}
