import type { Labels } from './series.ts';

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Exposition {
  readonly samples: readonly Sample[];
  /** Metric family -> its type and what it is about. */
  readonly families: ReadonlyMap<string, { readonly type: string; readonly help: string }>;
}

const nameForm = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const labelForm = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,?)/y;
const escapes: Readonly<Record<string, string>> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' };

/**
 * Reads Prometheus' text format (Exposition formats, version 0.0.4). Lines that are none of it are left out and
 * counted, so that one bad metric of a user's server does not hide the others.
 */
export function parseExposition(text: string, most = 20_000): Exposition & { readonly malformed: number } {
  const samples: Sample[] = [];
  const families = new Map<string, { type: string; help: string }>();
  let malformed = 0;
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line === '') continue;
    if (line.startsWith('#')) {
      readComment(line, families);
      continue;
    }
    const sample = samples.length < most ? parseSample(line) : undefined;
    if (sample) samples.push(sample);
    else malformed++;
  }
  return { samples, families, malformed };
}

function readComment(line: string, families: Map<string, { type: string; help: string }>): void {
  const [, what, name = '', rest = ''] = /^#\s+(HELP|TYPE)\s+(\S+)\s*(.*)$/.exec(line) ?? [];
  if (!what) return;
  const family = families.get(name) ?? { type: 'unknown', help: '' };
  families.set(name, what === 'TYPE' ? { ...family, type: rest } : { ...family, help: rest });
}

function parseSample(line: string): Sample | undefined {
  nameForm.lastIndex = 0;
  const name = nameForm.exec(line)?.[0];
  if (!name) return undefined;
  const labels: Record<string, string> = { __name__: name };
  let position = name.length;
  if (line[position] === '{') {
    position++;
    for (;;) {
      labelForm.lastIndex = position;
      const match = labelForm.exec(line);
      if (!match) break;
      labels[match[1]!] = match[2]!.replace(/\\[n"\\]/g, (found) => escapes[found]!);
      position = labelForm.lastIndex;
      if (match[3] === '') break;
    }
    const close = /\s*\}/y;
    close.lastIndex = position;
    if (!close.test(line)) return undefined;
    position = close.lastIndex;
  }
  const value = readValue(line.slice(position).trim().split(/\s+/)[0] ?? '');
  return value === undefined ? undefined : { labels, value };
}

function readValue(text: string): number | undefined {
  if (/^[+-]?inf(inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(text)) return Number.NaN;
  const value = Number(text);
  return text === '' || Number.isNaN(value) ? undefined : value;
}
