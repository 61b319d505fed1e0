import { invalid } from '@tagboat/base';

const numbers = (version: string) => version.replace(/^v/, '').split(/[-+]/)[0]!.split('.').map(Number);

/** Orders versions by their numbers; a part that is left out is 0. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Whether a version is allowed by constraints such as `>= 0.5.0, < 1` or `~> 1.2` (hashicorp/go-version).
 * @throws `Invalid` for what is no constraint
 */
export function satisfies(version: string, constraints: string): boolean {
  return constraints.split(',').every((constraint) => {
    const [, operator = '=', wanted] =
      /^\s*(=|!=|>=|<=|>|<|~>)?\s*(v?\d+(?:\.\d+)*(?:[-+][\w.-]+)?)\s*$/.exec(constraint) ?? [];
    if (wanted === undefined)
      throw invalid(`expected a version or a constraint such as ">= 0.5.0", found "${constraint.trim()}"`);
    const order = compareVersions(version, wanted);
    if (operator === '~>') return order >= 0 && compareVersions(version, nextAfter(wanted)) < 0;
    return {
      '=': order === 0,
      '!=': order !== 0,
      '>': order > 0,
      '<': order < 0,
      '>=': order >= 0,
      '<=': order <= 0,
    }[operator as '=']!;
  });
}

/** The first version that `~>` no longer allows: the last part may grow, the one before it not. */
function nextAfter(version: string): string {
  const kept = numbers(version).slice(0, -1);
  if (kept.length === 0) return String(numbers(version)[0]! + 1);
  return [...kept.slice(0, -1), kept.at(-1)! + 1].join('.');
}
