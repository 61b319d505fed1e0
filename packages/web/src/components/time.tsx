import { useNow } from '../data/now.ts';

const steps: readonly [seconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60, 'second'],
  [3600, 'minute'],
  [86_400, 'hour'],
  [86_400 * 30, 'day'],
  [86_400 * 365, 'month'],
  [Number.POSITIVE_INFINITY, 'year'],
];
const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'narrow' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });

/** `3m ago`, `in 2d`, `just now`. Both in milliseconds. */
export function relativeTime(at: number, now: number): string {
  const seconds = Math.round((at - now) / 1000);
  if (Math.abs(seconds) < 5) return 'just now';
  let size = 1;
  for (const [limit, unit] of steps) {
    if (Math.abs(seconds) < limit) return words.format(Math.trunc(seconds / size), unit);
    size = limit;
  }
  return '';
}

/** A moment as its distance from now, kept true; the exact time on hover. */
export function Ago({ at, prefix = '' }: { at: string | undefined; prefix?: string }) {
  const now = useNow();
  if (!at) return <span className="tb-quiet">–</span>;
  const moment = Date.parse(at);
  return (
    <time dateTime={at} title={exact.format(moment)}>
      {prefix}
      {relativeTime(moment, now)}
    </time>
  );
}

/** Milliseconds for people: `0.4s`, `12s`, `3m 05s`, `1h 02m`. */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 60) return `${Math.round(seconds)}s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
}

/** How long something took, or takes so far. */
export function Duration({ from, to }: { from: string | undefined; to?: string | undefined }) {
  if (!from) return <span className="tb-quiet">–</span>;
  if (to) return <span className="tb-number">{durationText(Date.parse(to) - Date.parse(from))}</span>;
  return <Running from={from} />;
}

function Running({ from }: { from: string }) {
  const now = useNow();
  return (
    <span className="tb-number">{durationText(Math.floor((now - Date.parse(from)) / 1000) * 1000)}</span>
  );
}
