import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';

interface Chunk {
  readonly file: string;
  readonly imports?: readonly string[];
  readonly isEntry?: boolean;
}

const root = join(import.meta.dirname, '..', '..', '..');
const dist = join(root, 'packages', 'web', 'dist');
let manifest: Record<string, Chunk>;

beforeAll(() => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts', 'build-console.mjs')], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  manifest = JSON.parse(readFileSync(join(dist, '.vite', 'manifest.json'), 'utf8')) as Record<string, Chunk>;
}, 120_000);

/** A chunk and all that it imports before it can run. */
function needed(name: string, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found;
  found.add(name);
  for (const other of manifest[name]?.imports ?? []) needed(other, found);
  return found;
}

const files = (...names: string[]) =>
  [...new Set(names.flatMap((name) => [...needed(name)]))].map((name) => manifest[name]!.file);

test('the first view loads at most 350 kB of compressed JavaScript', () => {
  const entry = Object.keys(manifest).find((name) => manifest[name]!.isEntry)!;
  const bytes = files(entry, 'src/pages/home/index.tsx').reduce(
    (sum, file) => sum + readFileSync(join(dist, `${file}.gz`)).length,
    0,
  );
  expect(bytes).toBeLessThan(350_000);
  expect(bytes).toBeGreaterThan(50_000);
});

test('the editor, the graph and the notebook renderer come only with the pages that need them', () => {
  const home = files('src/pages/home/index.tsx')
    .map((file) => readFileSync(join(dist, file), 'utf8'))
    .join('');
  expect(home).not.toMatch(/cm-editor|react-flow__node|tb-notebook/);
  const editor = files('src/pages/pipeline-view/index.tsx')
    .map((file) => readFileSync(join(dist, file), 'utf8'))
    .join('');
  expect(editor).toMatch(/cm-editor/);
});

test('every asset has its compressed copies, and no page has scripts of its own', () => {
  for (const { file } of Object.values(manifest))
    if (file.endsWith('.js'))
      expect([existsSync(join(dist, `${file}.br`)), existsSync(join(dist, `${file}.gz`))]).toEqual([
        true,
        true,
      ]);
  const index = readFileSync(join(dist, 'index.html'), 'utf8');
  expect(index).not.toMatch(/<script(?![^>]*\ssrc=)[^>]*>/);
});
