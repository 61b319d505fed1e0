import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Labels, labelsKey, stale } from './series.ts';
import type { SeriesStore } from './series-store.ts';
import type { Sample } from './text-format.ts';

export interface SeriesFileLimits {
  /** Milliseconds that one segment holds. */
  readonly segment: number;
  readonly retention: number;
  /** Bytes of all segments together. */
  readonly bytes: number;
}

const defaults: SeriesFileLimits = { segment: 2 * 3600_000, retention: 24 * 3600_000, bytes: 128 * 2 ** 20 };
const nameForm = /^(\d{13,})\.jsonl$/;

/**
 * Samples on disk, in segments of lines: `{"s": number, "l": labels}` introduces a series, `[time, [number, value, ...]]`
 * holds one scrape; null stands for a series that is gone. Losing the last lines to a kill loses only measurements, so
 * nothing is synced.
 */
export class SeriesFile {
  readonly #directory: string;
  readonly #limits: SeriesFileLimits;
  #segment = 0;
  #numbers = new Map<string, number>();

  constructor(directory: string, limits: Partial<SeriesFileLimits> = {}) {
    this.#directory = directory;
    this.#limits = { ...defaults, ...limits };
  }

  /** Reads what is kept; lines that were cut off are passed over. */
  async load(store: SeriesStore): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    for (const { path } of await this.#segments()) await loadSegment(path, store);
  }

  async append(time: number, samples: readonly Sample[]): Promise<void> {
    if (samples.length === 0) return;
    if (time >= this.#segment + this.#limits.segment) await this.#begin(time);
    const lines: string[] = [];
    const values: (number | string | null)[] = [];
    for (const { labels, value } of samples) {
      const key = labelsKey(labels);
      let number = this.#numbers.get(key);
      if (number === undefined) {
        number = this.#numbers.size;
        this.#numbers.set(key, number);
        lines.push(JSON.stringify({ s: number, l: labels }));
      }
      values.push(number, value === stale ? null : Number.isFinite(value) ? value : String(value));
    }
    lines.push(JSON.stringify([time, values]));
    await appendFile(this.#path(this.#segment), `${lines.join('\n')}\n`, { mode: 0o600 });
  }

  async #begin(time: number): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    this.#segment = time;
    this.#numbers = new Map();
    const segments = await this.#segments();
    let total = segments.reduce((sum, { size }) => sum + size, 0);
    for (const { path, start, size } of segments) {
      if (start + this.#limits.segment >= time - this.#limits.retention && total <= this.#limits.bytes) break;
      await rm(path, { force: true });
      total -= size;
    }
  }

  #path(start: number): string {
    return join(this.#directory, `${start}.jsonl`);
  }

  /** Oldest first. */
  async #segments(): Promise<{ path: string; start: number; size: number }[]> {
    const names = await readdir(this.#directory);
    const starts = names.flatMap((name) => (nameForm.test(name) ? [Number.parseInt(name, 10)] : []));
    return Promise.all(
      starts
        .sort((a, b) => a - b)
        .map(async (start) => ({
          path: this.#path(start),
          start,
          size: (await stat(this.#path(start))).size,
        })),
    );
  }
}

async function loadSegment(path: string, store: SeriesStore): Promise<void> {
  const series = new Map<number, Labels>();
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    const entry = parseLine(line);
    if (!entry) continue;
    if (!Array.isArray(entry)) {
      series.set(entry.s, entry.l);
      continue;
    }
    const [time, values] = entry;
    for (let index = 0; index + 1 < values.length; index += 2) {
      const labels = series.get(Number(values[index]));
      const value = values[index + 1];
      if (labels) store.append(labels, time, value === null || value === undefined ? stale : Number(value));
    }
  }
}

type Line = { s: number; l: Labels } | [number, (number | string | null)[]];

function parseLine(line: string): Line | undefined {
  try {
    const entry = JSON.parse(line) as Line;
    const scrape = Array.isArray(entry) && Number.isFinite(entry[0]) && Array.isArray(entry[1]);
    return scrape || (!Array.isArray(entry) && typeof entry.l === 'object') ? entry : undefined;
  } catch {
    return undefined;
  }
}
