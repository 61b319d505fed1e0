import type { ServerResponse } from 'node:http';
import type { KubernetesObject } from '@tagboat/api';
import type { Clock } from '@tagboat/base';
import type { ObjectStore } from '@tagboat/store';
import { isTrue, type QueryString, selection, wholeNumber } from './query.ts';
import { type Format, represent } from './representation.ts';
import type { ResourcePath } from './resource-path.ts';
import type { Resources } from './resources.ts';
import { badRequest, statusOf } from './status.ts';
import { type Watched, WatchHub, type WatchMember, type WatchOutput } from './watch-hub.ts';

const bookmarkInterval = 60_000;
/** A watch that says no timeout ends after half an hour to an hour, spread so that not all come back at once. */
const shortestWatch = 30 * 60_000;

/** Bytes of a list that each watcher may have waiting for itself; what is larger is shared. */
const mostCopied = 2 ** 16;

export interface WatchCall {
  readonly path: ResourcePath;
  readonly query: QueryString;
  readonly format: Format;
  readonly response: ServerResponse;
}

export interface WatchServerOptions {
  readonly store: ObjectStore;
  readonly resources: Resources;
  readonly clock: Clock;
}

/** Answers watches over HTTP: one JSON line per event. */
export class WatchServer {
  readonly #options: WatchServerOptions;
  readonly #hub: WatchHub;
  /** The lines of large objects, by what is watched. */
  readonly #large = new WeakMap<KubernetesObject, Map<string, Buffer>>();

  constructor(options: WatchServerOptions) {
    this.#options = options;
    this.#hub = new WatchHub(options.store);
  }

  /** Sends events until the client goes away or the time is over. @throws `BadRequest` before anything is sent */
  async serve(call: WatchCall): Promise<void> {
    const { query, response } = call;
    const watched = this.#watched(call);
    const initial = initialEvents(query);
    const timeout = wholeNumber(query.timeoutSeconds, 'timeoutSeconds');
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    response.flushHeaders();
    const output = new ResponseOutput(response);
    let member: WatchMember | undefined;
    try {
      const from = initial === 'none' ? query.resourceVersion! : await this.#sendAll(watched, output);
      if (initial === 'bookmarked') output.write(this.#bookmark(call, from, true));
      if (response.closed) return;
      member = this.#hub.open(watched, from, output);
    } catch (error) {
      output.write(Buffer.from(`${JSON.stringify({ type: 'ERROR', object: statusOf(error) })}\n`));
      output.end();
      return;
    }
    this.#keep(call, member, { output, timeout });
  }

  #keep(
    call: WatchCall,
    member: WatchMember,
    { output, timeout }: { output: ResponseOutput; timeout: number | undefined },
  ): void {
    const { clock } = this.#options;
    const timers = new DisposableStack();
    const length = timeout ? timeout * 1000 : shortestWatch * (1 + Math.random());
    timers.use(clock.after(length, () => output.end()));
    if (isTrue(call.query.allowWatchBookmarks)) {
      const again = () => {
        if (output.waiting < 2 ** 16) output.write(this.#bookmark(call, member.revision, false));
        timer = clock.after(bookmarkInterval, again);
      };
      let timer = clock.after(bookmarkInterval, again);
      timers.defer(() => timer[Symbol.dispose]());
    }
    call.response.on('close', () => {
      member[Symbol.dispose]();
      timers.dispose();
    });
  }

  /** The objects that are there, as ADDED. @returns their revision */
  async #sendAll({ type, query, key, encode }: Watched, output: ResponseOutput): Promise<string> {
    const { items, resourceVersion } = await this.#options.store.list(type, query);
    let text = '';
    for (const object of items) {
      const shared = this.#large.get(object)?.get(key);
      const line = shared ? '' : encode('ADDED', object);
      const isLarge = shared !== undefined || line.length > mostCopied;
      if (!isLarge) text += line;
      if (text && (isLarge || text.length > mostCopied)) {
        output.write(Buffer.from(text));
        text = '';
        await output.drained();
      }
      if (!isLarge) continue;
      output.write(shared ?? this.#share(object, key, line));
      await output.drained();
    }
    if (text) output.write(Buffer.from(text));
    return resourceVersion;
  }

  /** Keeps the line of a large object for all that begin to watch it. */
  #share(object: KubernetesObject, key: string, line: string): Buffer {
    const bytes = Buffer.from(line);
    const lines = this.#large.get(object) ?? new Map<string, Buffer>();
    this.#large.set(object, lines.set(key, bytes));
    return bytes;
  }

  #watched({ path, query, format }: WatchCall): Watched {
    const { type } = path;
    const { kinds } = this.#options.resources;
    const columns = kinds.columns(type);
    const encode = (kind: string, object: KubernetesObject) => {
      const shown = { type, format, columns, now: this.#options.clock.now() };
      return `${JSON.stringify({ type: kind, object: represent(kinds.present(type, object), shown) })}\n`;
    };
    const wanted = selection(path, query);
    const key = JSON.stringify([type.group, type.version, type.plural, wanted, format]);
    return { type, query: wanted, key, encode };
  }

  #bookmark({ path, format }: WatchCall, revision: string, initialEnd: boolean): Buffer {
    const { type } = path;
    const object: KubernetesObject = {
      apiVersion: type.group === '' ? type.version : `${type.group}/${type.version}`,
      kind: type.kind,
      metadata: {
        resourceVersion: revision,
        creationTimestamp: null,
        ...(initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
      } as unknown as KubernetesObject['metadata'],
    };
    const shown = { type, format, columns: [], now: 0 };
    return Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object: represent(object, shown) })}\n`);
  }
}

/** Whether what is there comes first, and whether a bookmark says where that ends. @throws `BadRequest` */
function initialEvents(query: QueryString): 'none' | 'plain' | 'bookmarked' {
  if (query.sendInitialEvents === undefined || query.sendInitialEvents === '') {
    if (query.resourceVersionMatch)
      throw badRequest('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
    return ['', '0', undefined].includes(query.resourceVersion) ? 'plain' : 'none';
  }
  if (query.resourceVersionMatch !== 'NotOlderThan')
    throw badRequest('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  if (!isTrue(query.sendInitialEvents))
    return ['', '0', undefined].includes(query.resourceVersion) ? 'plain' : 'none';
  if (!isTrue(query.allowWatchBookmarks)) throw badRequest('sendInitialEvents requires allowWatchBookmarks');
  return 'bookmarked';
}

class ResponseOutput implements WatchOutput {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on('error', () => response.destroy());
  }

  write(bytes: Buffer): void {
    if (!this.#response.closed && !this.#response.destroyed) this.#response.write(bytes);
  }

  get waiting(): number {
    return this.#response.writableLength;
  }

  onDrain(callback: () => void): void {
    this.#response.once('drain', callback);
  }

  /** Resolves when little is waiting, or the client is gone. */
  async drained(): Promise<void> {
    if (!this.#response.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#response.off('drain', done);
        this.#response.off('close', done);
        resolve();
      };
      this.#response.on('drain', done);
      this.#response.on('close', done);
    });
  }

  end(): void {
    this.#response.end();
  }
}
