import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { kinds } from '@tagboat/api';
import { type Clock, invalid, type Logger, notFound } from '@tagboat/base';
import { inform } from '@tagboat/controller';
import {
  PodTargets,
  prometheusApi,
  RequestLog,
  Scraper,
  SeriesFile,
  SeriesStore,
  type ServedRequest,
  type Target,
} from '@tagboat/monitoring';
import { environmentNamespace, type Model, recordInputsAnnotation } from '@tagboat/render';
import type { Reader } from '@tagboat/store';
import type { ServedExchange } from '@tagboat/workloads';
import type { FastifyInstance, FastifyReply } from 'fastify';

export interface MeasurementOptions {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly log: Logger;
  readonly home: string;
  /** The platform's own metrics, as text. */
  readonly ownText: () => string;
}

/** Series, scraping and recent requests, and their HTTP faces. */
export class Measurements implements AsyncDisposable {
  readonly store = new SeriesStore();
  readonly #options: MeasurementOptions;
  readonly #stack = new AsyncDisposableStack();
  readonly #recording = new Map<string, string[]>();
  #requests: RequestLog | undefined;
  #scraper: Scraper | undefined;
  #pods: PodTargets | undefined;

  constructor(options: MeasurementOptions) {
    this.#options = options;
  }

  /** Reads what is kept, and begins to look. @param instance host and port of the main port */
  async start(instance: string): Promise<void> {
    const { clock, home } = this.#options;
    const log = this.#options.log.with({ part: 'monitoring' });
    this.#requests = this.#stack.use(
      await RequestLog.open({ file: join(home, 'metrics', 'requests', 'recent.jsonl'), clock, log }),
    );
    const file = new SeriesFile(join(home, 'metrics'));
    await file.load(this.store);
    this.#pods = this.#stack.use(new PodTargets({ reader: this.#options.reader, clock, log }));
    const own = { text: this.#options.ownText, labels: { job: 'tagboat', instance } };
    this.#scraper = this.#stack.use(
      new Scraper({ store: this.store, file, clock, log, own, targets: this.targets }).start(),
    );
    this.#followModels(log);
  }

  /** What is looked at besides the platform itself. */
  readonly targets = (): readonly Target[] => this.#pods?.all() ?? [];

  /** One request to what is served has ended. */
  readonly observe = ({ input, model, milliseconds, ...rest }: ServedExchange): void => {
    const service = `${rest.namespace}/${rest.name}`;
    const records = [...this.#recording.values()].some((services) => services.includes(service));
    this.#requests?.add({
      ...rest,
      time: new Date(this.#options.clock.now()).toISOString(),
      milliseconds: Math.round(milliseconds * 100) / 100,
      ...(model ? { model } : {}),
      ...(records ? { input: input() } : {}),
    });
  };

  /** The newest requests to a service, newest first. */
  recent(namespace: string, name: string, limit: number): readonly ServedRequest[] {
    return this.#requests?.recent(namespace, name, limit) ?? [];
  }

  /** `/prometheus`. */
  prometheus(scope: FastifyInstance): Promise<void> {
    const { clock, log } = this.#options;
    return prometheusApi(scope, {
      store: this.store,
      scraper: {
        targets: () => this.#scraper?.targets() ?? [],
        families: () => this.#scraper?.families() ?? new Map(),
      },
      now: () => clock.now(),
      log,
    });
  }

  /**
   * `/tagboat/requests/<namespace>/<name>`: what was served, and with `watch=true` what is served from now on;
   * `/tagboat/requests?watch=true`: which services answer something.
   */
  routes(scope: FastifyInstance): void {
    scope.get<RequestsRoute>('/tagboat/requests/:namespace/:name', async (request, reply) => {
      const { namespace, name } = request.params;
      if (!this.#requests) throw notFound('the platform is still starting');
      const limit = Math.min(500, Math.max(0, Number(request.query.limit ?? 100) || 0));
      if (request.query.watch !== 'true') return { items: this.recent(namespace, name, limit) };
      const own = (served: ServedRequest) => served.namespace === namespace && served.name === name;
      return stream(reply, (write) => this.#requests!.listen((served) => own(served) && write(served)));
    });
    scope.get<RequestsRoute>('/tagboat/requests', async (request, reply) => {
      if (!this.#requests) throw notFound('the platform is still starting');
      if (request.query.watch !== 'true')
        throw invalid('expected watch=true; requests are listed by /tagboat/requests/<namespace>/<name>');
      return stream(reply, (write) => this.#services(write));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** Tells which services answered something, each once in a while however much it was. */
  #services(write: (service: { namespace: string; name: string }) => void): Disposable {
    const { clock } = this.#options;
    const quiet = new Map<string, Disposable>();
    const listening = this.#requests!.listen(({ namespace, name }) => {
      const service = `${namespace}/${name}`;
      if (quiet.has(service)) return;
      quiet.set(
        service,
        clock.after(servicePause, () => quiet.delete(service)),
      );
      write({ namespace, name });
    });
    return {
      [Symbol.dispose]: () => {
        listening[Symbol.dispose]();
        for (const timer of quiet.values()) timer[Symbol.dispose]();
      },
    };
  }

  #followModels(log: Logger): void {
    const stop = new AbortController();
    const { reader, clock } = this.#options;
    const following = (async () => {
      const all = inform<Model>({ reader, clock, log, type: kinds.Model, signal: stop.signal });
      for await (const { type, object } of all) {
        const { namespace = '', name, annotations } = object.metadata;
        if (type === 'DELETED' || annotations?.[recordInputsAnnotation] !== 'true')
          this.#recording.delete(`${namespace}/${name}`);
        else this.#recording.set(`${namespace}/${name}`, servicesOf(object));
      }
    })();
    this.#stack.defer(async () => {
      stop.abort();
      await following;
    });
  }
}

/** Milliseconds in which a service is told of once. */
const servicePause = 10_000;

/** Characters that may wait for a client to read them; one that does not is cut off, and may ask anew. */
const mostUnread = 2 ** 20;

/** Answers with JSON lines until the client goes. */
function stream(reply: FastifyReply, begin: (write: (line: unknown) => void) => Disposable): FastifyReply {
  const out = new PassThrough();
  const listening = begin((line) => {
    if (out.writableLength > mostUnread) reply.raw.destroy();
    else out.write(`${JSON.stringify(line)}\n`);
  });
  reply.raw.on('close', () => {
    listening[Symbol.dispose]();
    out.end();
  });
  reply.raw.once('pipe', () => reply.raw.flushHeaders());
  return reply.type('application/json').send(out);
}

interface RequestsRoute {
  Params: { namespace: string; name: string };
  Querystring: { limit?: string; watch?: string };
}

/** `<namespace>/<name>` of a model's service in each environment. */
export function servicesOf({ metadata, spec }: Model): string[] {
  const project = metadata.namespace ?? '';
  return (spec?.deploy ?? []).map((target) => `${environmentNamespace(project, target)}/${metadata.name}`);
}
