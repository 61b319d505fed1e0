/** A length of time as kubectl shows it: 45s, 3m20s, 5h12m, 2d4h, 30d, 1y20d (apimachinery `duration.HumanDuration`). */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return pair(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? pair(years, 'y', days % 365, 'd') : `${years}y`;
}

const pair = (large: number, unit: string, small: number, smaller: string) =>
  small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smaller}`;

/** The time since a timestamp; `<unknown>` where there is none. */
export function since(timestamp: unknown, now: number): string {
  if (typeof timestamp !== 'string' || Number.isNaN(Date.parse(timestamp))) return '<unknown>';
  return humanDuration(now - Date.parse(timestamp));
}
