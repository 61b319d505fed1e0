/** Compares two tags as versions: numbers by value, a pre-release before its release; undefined where either is none. */
export function compareTags(a: string, b: string): number | undefined {
  const [left, right] = [parse(a), parse(b)];
  if (!left || !right) return undefined;
  for (let index = 0; index < Math.max(left.numbers.length, right.numbers.length); index++) {
    const difference = (left.numbers[index] ?? 0) - (right.numbers[index] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  if (left.pre === right.pre) return 0;
  if (left.pre === '' || right.pre === '') return left.pre === '' ? 1 : -1;
  return left.pre < right.pre ? -1 : 1;
}

function parse(tag: string): { numbers: number[]; pre: string } | undefined {
  const match = /^(?:.*@)?v?(\d+(?:\.\d+)*)(?:[-.]?([A-Za-z][\w.-]*))?(?:\+.*)?$/.exec(tag);
  return match ? { numbers: match[1]!.split('.').map(Number), pre: match[2] ?? '' } : undefined;
}

/** The tag after the newest of these: its last number plus one; `v0.1.0` when there is none. */
export function nextTag(tags: readonly string[], prefix = ''): string {
  const own = tags.filter((tag) => tag.startsWith(prefix) && parse(tag) !== undefined);
  const newest = own.sort((a, b) => compareTags(a, b) ?? 0).at(-1);
  return newest ? newest.replace(/(\d+)(?!.*\d)/, (digits) => String(Number(digits) + 1)) : `${prefix}v0.1.0`;
}
