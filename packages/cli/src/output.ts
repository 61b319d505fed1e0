import type { KubernetesObject } from '@tagboat/api';
import type { ArgsDef } from 'citty';
import Table from 'cli-table3';
import pc from 'picocolors';

/** The option that every listing has. */
export const outputOption = {
  output: { type: 'string', alias: 'o', description: 'json for machines', valueHint: 'json' },
} as const;
/** In the terminal of a workbench, its own project is meant where none is named. */
export const projectOption = {
  project: {
    type: 'string',
    alias: 'p',
    description: 'the project (a namespace)',
    ...(process.env.TAGBOAT_PROJECT ? { default: process.env.TAGBOAT_PROJECT } : {}),
  },
} as const satisfies ArgsDef;

/** What commands about one model have. */
export const modelOptions = {
  model: { type: 'positional', required: false, description: 'default: the one of this repository' },
  ...projectOption,
  ...outputOption,
} as const;
/** What commands about two environments of a model have. */
export const betweenOptions = {
  ...modelOptions,
  from: { type: 'string', default: 'staging' },
  to: { type: 'string', default: 'production' },
} as const;

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What steps wrote, fit for a terminal: control characters are seen, and change nothing. */
export const printable = (text: string): string =>
  text.replace(
    /(?![\n\t])\p{Cc}/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );

/** Prints the outcome of a command: the facts as JSON for machines, or what a person reads. */
export function tell(output: string | undefined, facts: unknown, lines: string | readonly string[]): void {
  if (output === 'json') say(JSON.stringify(facts, null, 2));
  else for (const line of [lines].flat()) say(line);
}

/** Prints records: a table for people, or all of it as JSON. */
export function show(
  records: readonly Record<string, unknown>[],
  options: { output?: string | undefined; columns: readonly string[]; empty?: string },
): void {
  if (options.output === 'json') {
    tell('json', records, []);
    return;
  }
  if (records.length === 0) {
    say(options.empty ?? 'nothing');
    return;
  }
  const table = new Table({
    head: options.columns.map((name) => pc.dim(name.toUpperCase())),
    chars: Object.fromEntries(
      [
        'top',
        'top-mid',
        'top-left',
        'top-right',
        'bottom',
        'bottom-mid',
        'bottom-left',
        'bottom-right',
        'left',
        'left-mid',
        'mid',
        'mid-mid',
        'right',
        'right-mid',
      ].map((name) => [name, '']),
    ),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
  });
  table.options.chars.middle = ' ';
  for (const record of records) table.push(options.columns.map((name) => colour(String(record[name] ?? ''))));
  say(table.toString());
}

const good = /^(Succeeded|Healthy|Synced|True|Tagged|Released|ok)$/;
const bad = /^(Failed|Degraded|OutOfSync|False|Refused|InvalidConfiguration|Missing|missing)$/;

function colour(text: string): string {
  if (good.test(text)) return pc.green(text);
  return bad.test(text) ? pc.red(text) : text;
}

/** Newest first, by creation. */
export function newestFirst<T extends KubernetesObject>(objects: readonly T[]): T[] {
  return [...objects].sort((a, b) =>
    (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1,
  );
}

/** `3m ago` */
export function ago(time: string | undefined, now = Date.now()): string {
  if (!time) return '';
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000));
  if (seconds < 60) return `${seconds}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h ago` : `${Math.floor(seconds / 86_400)}d ago`;
}

export const short = (digest: string | undefined) => (digest ?? '').replace('sha256:', '').slice(0, 12);
