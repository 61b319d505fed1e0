import { matchesGlob } from 'node:path';

/** True when a tag matches one of a model's patterns (GTO's `model@v*` among them). */
export function matchesTag(tag: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesGlob(tag, pattern));
}

/** True when a path is in one of the patterns; `dir/` and `dir` mean all below. */
export function matchesPath(path: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const plain = pattern.replace(/\/$/, '');
    return path === plain || path.startsWith(`${plain}/`) || matchesGlob(path, pattern);
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
