import { type Clock, describeError, type Logger, TagboatError } from '@tagboat/base';
import { goRound } from './rounds.ts';
import { type Labels, labelsKey, stale } from './series.ts';
import type { SeriesFile } from './series-file.ts';
import type { SeriesStore } from './series-store.ts';
import type { Target } from './targets.ts';
import { parseExposition, type Sample } from './text-format.ts';

/** Milliseconds between two looks at a target. */
export const scrapeInterval = 15_000;
const patience = 5000;
const mostBytes = 8 * 2 ** 20;
const mostSamples = 5000;

export interface ScraperOptions {
  readonly store: SeriesStore;
  readonly file: Pick<SeriesFile, 'append'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** The platform's own metrics, as text. */
  readonly own: { readonly text: () => string; readonly labels: Labels };
  readonly targets: () => readonly Target[];
  readonly fetch?: (url: string, signal: AbortSignal) => Promise<string>;
}

/** What is known of one target. */
interface Health {
  readonly target: Target;
  /** Keys of the series that the last look found, to say when one is gone. */
  series: Map<string, Labels>;
  lastScrape: number;
  seconds: number;
  error: string;
}

/** Looks at every target in turn of its interval, and keeps what it finds. */
export class Scraper implements AsyncDisposable {
  readonly #options: ScraperOptions;
  readonly #known = new Map<string, Health>();
  readonly #families = new Map<string, { type: string; help: string }>();
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ScraperOptions) {
    this.#options = options;
  }

  start(): this {
    const { clock, log } = this.#options;
    const rounds = { clock, log, interval: scrapeInterval, signal: this.#stop.signal };
    this.#running = goRound(rounds, 'keeping metrics failed', () => this.scrape());
    return this;
  }

  /** Looks at every target once. */
  async scrape(): Promise<void> {
    const { own, targets, clock, store, file } = this.#options;
    const time = Math.floor(clock.now());
    const self: Target = { url: 'self:', labels: own.labels };
    const now = [self, ...targets()];
    const found = await Promise.all(now.map((target) => this.#look(target)));
    const current = new Set(now.map(({ labels }) => labelsKey(labels)));
    const gone = [...this.#known].filter(([key]) => !current.has(key));
    for (const [key] of gone) this.#known.delete(key);
    const samples = [...found.flat(), ...gone.flatMap(([, { series }]) => staleSamples(series.values()))];
    const kept = samples.filter(({ labels, value }) => store.append(labels, time, value));
    store.trim(time);
    await file.append(time, kept);
  }

  /** As Prometheus' `/api/v1/targets` tells them. */
  targets(): unknown[] {
    return [...this.#known.values()].map(({ target, lastScrape, seconds, error }) => ({
      labels: target.labels,
      discoveredLabels: target.labels,
      scrapePool: target.labels.job,
      scrapeUrl: target.url,
      globalUrl: target.url,
      lastError: error,
      lastScrape: new Date(lastScrape).toISOString(),
      lastScrapeDuration: seconds,
      health: error === '' ? 'up' : 'down',
      scrapeInterval: `${scrapeInterval / 1000}s`,
      scrapeTimeout: `${patience / 1000}s`,
    }));
  }

  families(): ReadonlyMap<string, { readonly type: string; readonly help: string }> {
    return this.#families;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #look(target: Target): Promise<Sample[]> {
    const { clock, own } = this.#options;
    const key = labelsKey(target.labels);
    const health = this.#known.get(key) ?? {
      target,
      series: new Map(),
      lastScrape: 0,
      seconds: 0,
      error: '',
    };
    this.#known.set(key, health);
    const started = clock.monotonic();
    health.lastScrape = clock.now();
    const samples = await (target.url === 'self:' ? Promise.resolve(own.text()) : this.#fetch(target.url))
      .then((text) => this.#read(text, target.labels))
      .catch((error: unknown) => {
        health.error = describeError(error);
        return undefined;
      });
    if (samples) health.error = '';
    health.seconds = (clock.monotonic() - started) / 1000;
    const now = new Map((samples ?? []).map(({ labels }) => [labelsKey(labels), labels]));
    const gone = [...health.series].flatMap(([id, labels]) => (now.has(id) ? [] : [labels]));
    health.series = now;
    const about = (name: string, value: number) => ({ labels: { ...target.labels, __name__: name }, value });
    return [
      ...(samples ?? []),
      ...staleSamples(gone),
      about('up', samples ? 1 : 0),
      about('scrape_duration_seconds', health.seconds),
    ];
  }

  #fetch(url: string): Promise<string> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(patience)]);
    return (this.#options.fetch ?? fetchText)(url, signal);
  }

  #read(text: string, target: Labels): Sample[] {
    const { samples, families } = parseExposition(text, mostSamples + 1);
    if (samples.length > mostSamples)
      throw new TagboatError(`it has more than ${mostSamples} samples`, { reason: 'TooLarge' });
    for (const [name, family] of families) if (this.#families.size < 5000) this.#families.set(name, family);
    return samples.map(({ labels, value }) => ({ labels: withTarget(labels, target), value }));
  }
}

/** A target's own labels win; what the metric said under the same name is kept as `exported_` (Prometheus' rule). */
function withTarget(labels: Labels, target: Labels): Labels {
  const merged: Record<string, string> = { ...target };
  for (const [name, value] of Object.entries(labels))
    merged[name in target ? `exported_${name}` : name] = value;
  return merged;
}

const staleSamples = (all: Iterable<Labels>): Sample[] =>
  [...all].map((labels) => ({ labels, value: stale }));

async function fetchText(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'text/plain' } });
  if (!response.ok) throw new TagboatError(`it answered ${response.status}`, { reason: 'ScrapeFailed' });
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of response.body ?? []) {
    text += decoder.decode(part as Uint8Array, { stream: true });
    if (text.length > mostBytes)
      throw new TagboatError(`it has more than ${mostBytes} bytes`, { reason: 'TooLarge' });
  }
  return text;
}
