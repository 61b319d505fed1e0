import { invalid } from '@tagboat/base';

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  y: 365 * 86_400_000,
};

/** Milliseconds of `1h30m`, or of a number of seconds; undefined for anything else. */
export function durationOf(text: string): number | undefined {
  if (/^\d+(\.\d*)?$|^\.\d+$/.test(text)) return Number(text) * 1000;
  if (!/^(\d+(ms|[smhdwy]))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) total += Number(count) * units[unit!]!;
  return total;
}

/** A number as PromQL writes it; a duration is its seconds. */
export function numberOf(text: string): number {
  const [, sign = '', digits = ''] = /^\s*([+-]?)\s*(.*?)\s*$/s.exec(text) ?? [];
  const value = /^inf$/i.test(digits)
    ? Number.POSITIVE_INFINITY
    : /^nan$/i.test(digits)
      ? Number.NaN
      : /[smhdwy]$/.test(digits) && !digits.startsWith('0x')
        ? (durationOf(digits) ?? Number.NaN) / 1000
        : Number(digits.replaceAll('_', ''));
  return sign === '-' ? -value : value;
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

/** The text between quotes; backquotes take everything as it stands. */
export function stringOf(text: string): string {
  const quote = text[0];
  if (text.length < 2 || text.at(-1) !== quote) throw invalid(`${text.slice(0, 40)} has no closing quote`);
  const body = text.slice(1, -1);
  if (quote === '`') return body;
  return body.replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)/gs, (_all, code: string) =>
    /^[xu]./.test(code) ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (escapes[code] ?? code),
  );
}
