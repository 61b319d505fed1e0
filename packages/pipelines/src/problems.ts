import type { Flags } from './feature-flags.ts';

/** One thing that Tekton's admission would refuse, with where it stands. */
export interface Problem {
  /** In the words of Tekton's webhook. */
  readonly message: string;
  /** From the object's root, or from the root of the spec that was validated. */
  readonly path: readonly (string | number)[];
  /** The path as Tekton prints it: `spec.tasks[0].name`. */
  readonly field: string;
  /** The tasks wait for one another in a way that cannot be. */
  readonly graph?: boolean;
}

/** What of a platform's settings admission goes by. */
export interface Limits {
  readonly mostCombinations: number;
  /** The resolver of references that name neither an object nor a resolver. */
  readonly resolver?: string;
  /** Variables that pod templates cannot set. */
  readonly forbiddenEnv?: readonly string[];
  readonly flags?: Flags;
}

const usualLimits: Limits = { mostCombinations: 256 };

export type Path = readonly (string | number)[];

/** Collects problems below a path. */
export class Problems {
  readonly found: Problem[] = [];
  readonly limits: Limits;

  constructor(limits: Limits = usualLimits) {
    this.limits = limits;
  }

  add(path: Path, message: string, more: { graph?: boolean } = {}): void {
    this.found.push({ message, path, field: fieldText(path), ...more });
  }

  missing(path: Path): void {
    this.add(path, 'missing field(s)');
  }

  invalid(path: Path, value: unknown, details = ''): void {
    this.add(path, `invalid value: ${String(value)}${details ? `; ${details}` : ''}`);
  }

  /** The same problems, seen from further up. */
  below(prefix: Path, problems: readonly Problem[]): void {
    for (const problem of problems) {
      const path = [...prefix, ...problem.path];
      this.found.push({ ...problem, path, field: fieldText(path) });
    }
  }

  duplicates(
    path: Path,
    names: readonly (string | undefined)[],
    words = (name: string, _before: number, _index: number) =>
      `expected exactly one, got both: "${name}" is there twice`,
  ): void {
    const seen = new Map<string, number>();
    for (const [index, name] of names.entries()) {
      if (name === undefined || name === '') continue;
      const before = seen.get(name);
      if (before !== undefined) this.add([...path, index, 'name'], words(name, before, index));
      seen.set(name, index);
    }
  }
}

export function fieldText(path: Path): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('');
}

export const isLabel = (name: string) => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name);

export const firstProblem = (problems: readonly Problem[]): Problem | undefined => problems[0];
