import { invalid, type Location } from '@tagboat/base';

const pattern = /^(===|==|~=|!=|<=|>=|<|>)?\s*v?(\d+(?:\.\d+)*)(\.\*)?$/;

function numbers(version: string): number[] {
  return version.split('.').map(Number);
}

/** Compares released versions such as `3.11.7` number by number; missing numbers are zero. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

function startsWith(version: string, prefix: string): boolean {
  return version === prefix || version.startsWith(`${prefix}.`);
}

function matchesOne(version: string, operator: string, wanted: string, wildcard: boolean): boolean {
  const order = compareVersions(version, wanted);
  switch (operator) {
    case '':
      return startsWith(version, wanted);
    case '==':
    case '===':
      return wildcard ? startsWith(version, wanted) : order === 0;
    case '!=':
      return wildcard ? !startsWith(version, wanted) : order !== 0;
    case '~=':
      return order >= 0 && startsWith(version, wanted.split('.').slice(0, -1).join('.'));
    case '<':
      return order < 0;
    case '<=':
      return order <= 0 || (wildcard && startsWith(version, wanted));
    case '>':
      return order > 0;
    default:
      return order >= 0;
  }
}

/**
 * Whether a Python version satisfies PEP 440 specifiers (`>=3.9,<3.13`), or a bare version that stands for all of its
 * releases (`3.11`). Empty and `*` are satisfied by all.
 * @throws `Invalid` for a specifier that cannot be read.
 */
export function satisfies(version: string, specifiers: string, source?: Location): boolean {
  const parts = specifiers
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '' && part !== '*');
  return parts.every((part) => {
    const match = pattern.exec(part);
    if (!match)
      throw invalid(`expected a Python version such as "3.11" or ">=3.9,<3.13", found "${specifiers}"`, {
        location: source,
      });
    return matchesOne(version, match[1] ?? '', match[2]!, match[3] !== undefined);
  });
}
