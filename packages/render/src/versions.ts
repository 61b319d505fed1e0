/**
 * Compares two tags as versions: numbers by value, a pre-release before its release, `post` after it (PEP 440), pre-releases
 * by their parts (semver 11); undefined where either is none.
 */
export function compareTags(a: string, b: string): number | undefined {
  const [left, right] = [parse(a), parse(b)];
  if (!left || !right) return undefined;
  for (let index = 0; index < Math.max(left.numbers.length, right.numbers.length); index++) {
    const difference = (left.numbers[index] ?? 0) - (right.numbers[index] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return compareSuffixes(left.pre, right.pre);
}

function compareSuffixes(a: string, b: string): number {
  const rank = (suffix: string) => (suffix === '' ? 1 : /^post/i.test(suffix) ? 2 : 0);
  if (rank(a) !== rank(b)) return Math.sign(rank(a) - rank(b));
  // `rc.2`, `rc2` and `rc-2` say the same.
  const partsOf = (suffix: string): string[] => suffix.match(/\d+|[A-Za-z]+/g) ?? [];
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const [one, other] = [left[index]!, right[index]!];
    const numbers = [Number(one), Number(other)] as const;
    if (one === other || numbers[0] === numbers[1]) continue;
    if (numbers.every(Number.isFinite)) return Math.sign(numbers[0] - numbers[1]);
    if (numbers.some(Number.isFinite)) return Number.isFinite(numbers[0]) ? -1 : 1;
    return one < other ? -1 : 1;
  }
  return Math.sign(left.length - right.length);
}

function parse(tag: string): { numbers: number[]; pre: string } | undefined {
  const match = /^(?:.*@)?v?(\d+(?:\.\d+)*)(?:[-.]?([A-Za-z][\w.-]*))?(?:\+.*)?$/.exec(tag);
  return match ? { numbers: match[1]!.split('.').map(Number), pre: match[2] ?? '' } : undefined;
}

/** The tag after the newest of these: its last number plus one; `v0.1.0` when there is none. */
export function nextTag(tags: readonly string[], prefix = ''): string {
  const own = tags.filter(
    (tag) => tag.startsWith(prefix) && !tag.slice(prefix.length).includes('@') && parse(tag) !== undefined,
  );
  const newest = own.sort((a, b) => compareTags(a, b) ?? 0).at(-1);
  return newest ? newest.replace(/(\d+)(?!.*\d)/, (digits) => String(Number(digits) + 1)) : `${prefix}v0.1.0`;
}
