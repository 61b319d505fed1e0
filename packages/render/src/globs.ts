import { matchesGlob } from 'node:path';
import { invalid, withinTime } from '@tagboat/base';

/** Milliseconds. A pattern comes from a repository, and must not stop its platform. */
const longest = 100;

/** @throws `Invalid` for a pattern of so many parts that nobody could say in time whether it matches */
function matches(text: string, pattern: string): boolean {
  // Of few wildcards and no alternatives the time is known.
  if (!/[{(]/.test(pattern) && pattern.split('*').length <= 4) return matchesGlob(text, pattern);
  try {
    return withinTime(longest, () => matchesGlob(text, pattern));
  } catch (cause) {
    throw invalid(`the pattern "${pattern.slice(0, 80)}" takes too long to match`, {
      hint: 'use fewer wildcards and alternatives',
      cause,
    });
  }
}

/** True when a tag matches one of a model's patterns (GTO's `model@v*` among them). */
export function matchesTag(tag: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matches(tag, pattern));
}

/** True when a path is in one of the patterns; `dir/` and `dir` mean all below. */
export function matchesPath(path: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const plain = pattern.replace(/\/$/, '');
    return path === plain || path.startsWith(`${plain}/`) || matches(path, pattern);
  });
}

/** Files that no step sees unless it asks: they describe or deploy, and change nothing about a model. */
const never = [
  '*.md',
  '**/*.md',
  'LICEN[CS]E*',
  '**/LICEN[CS]E*',
  'COPYING*',
  'docs',
  '**/docs',
  'tests',
  '**/tests',
  'test',
  '.git*',
  '**/.git*',
  '.tekton',
  '.aicoe-ci.yaml',
  'tagboat.yaml',
  'tagboat.lock',
  'deploy',
  'manifests',
  'k8s',
  'overlays',
];

/** Files that serving needs not, besides those that no step sees. */
const notServed = [
  '**/*.ipynb',
  '*.ipynb',
  'notebooks',
  'data',
  'reports',
  'models',
  'requirements*.txt',
  'Pipfile*',
  'environment.y*ml',
  'pyproject.toml',
  '.aicoe*',
  'aicoe',
];

/** The tracked files a training or evaluation step sees. */
export function stepInputs(paths: readonly string[], declared: readonly string[] | undefined): string[] {
  if (declared) return paths.filter((path) => matchesPath(path, declared));
  return paths.filter((path) => !matchesPath(path, never));
}

/** The tracked files that go into the image. */
export function servedFiles(paths: readonly string[], declared: readonly string[] | undefined): string[] {
  if (declared) return paths.filter((path) => matchesPath(path, declared));
  return paths.filter((path) => !matchesPath(path, never) && !matchesPath(path, notServed));
}
