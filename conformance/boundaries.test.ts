import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const packagesDirectory = join(dirname(fileURLToPath(import.meta.url)), '..', 'packages');

/** Rooms meet only through resources or a protocol, and never import one another. */
const rooms = new Set([
  'apiserver',
  'git',
  'triggers',
  'pipelines',
  'node',
  'workloads',
  'registry',
  'gitops',
  'model',
  'serving',
  'monitoring',
  'tracking',
  'insights',
  'workbenches',
]);
const composition = new Set(['server', 'cli', 'dev-env']);

interface Package {
  readonly name: string;
  readonly declared: ReadonlySet<string>;
  readonly imports: readonly { file: string; specifier: string; test: boolean }[];
}

function sources(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Every module that a file names: imports, exports from, and imports at run time. */
function specifiers(file: string): string[] {
  const tree = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier)
      found.push((node.moduleSpecifier as ts.StringLiteral).text);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      for (const argument of node.arguments) if (ts.isStringLiteral(argument)) found.push(argument.text);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

const packages: Package[] = readdirSync(packagesDirectory).map((name) => {
  const directory = join(packagesDirectory, name);
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
    devDependencies?: Record<string, string>;
  };
  return {
    name,
    declared: new Set([
      ...Object.keys(manifest.dependencies ?? {}),
      ...Object.keys(manifest.devDependencies ?? {}),
    ]),
    imports: sources(join(directory, 'src')).flatMap((file) =>
      specifiers(file).map((specifier) => ({ file, specifier, test: /\.test\.tsx?$|testing/.test(file) })),
    ),
  };
});

const packageOf = (specifier: string) =>
  specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : specifier.split('/')[0]!;
const outside = ({ imports }: Package) =>
  imports.filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'));

test('sees the imports it is to judge', () => {
  expect(packages.length).toBeGreaterThan(20);
  expect(packages.flatMap((item) => item.imports).length).toBeGreaterThan(500);
  for (const item of packages) expect(item.imports.length, item.name).toBeGreaterThan(0);
});

test('every import is declared', () => {
  const ofTests = new Set(['vitest', 'fast-check', 'typescript']);
  const missing = packages.flatMap((item) =>
    outside(item)
      .filter(({ specifier, test: inTest }) => !(inTest && ofTests.has(packageOf(specifier))))
      .filter(({ specifier }) => !item.declared.has(packageOf(specifier)))
      .filter(({ specifier }) => packageOf(specifier) !== `@tagboat/${item.name}`)
      .map(({ file, specifier }) => `${file}: ${specifier}`),
  );
  expect(missing).toEqual([]);
});

test('every declared package is imported', () => {
  const unused = packages.flatMap((item) => {
    const used = new Set(item.imports.map(({ specifier }) => packageOf(specifier)));
    return [...item.declared].filter((name) => !used.has(name)).map((name) => `${item.name}: ${name}`);
  });
  expect(unused).toEqual([]);
});

test('rooms never import one another, and nothing below imports what composes them', () => {
  const wrong = packages.flatMap((item) =>
    [...item.declared]
      .filter((name) => name.startsWith('@tagboat/'))
      .map((name) => name.slice('@tagboat/'.length))
      .filter(
        (name) =>
          (rooms.has(name) && !composition.has(item.name)) ||
          (composition.has(name) && !composition.has(item.name)),
      )
      .map((name) => `${item.name} -> ${name}`),
  );
  expect(wrong).toEqual([]);
});

test('no relative import leaves its package', () => {
  const wrong = packages.flatMap((item) =>
    item.imports
      .filter(({ specifier }) => specifier.startsWith('.'))
      .filter(
        ({ file, specifier }) =>
          !join(dirname(file), specifier).startsWith(join(packagesDirectory, item.name)),
      )
      .map(({ file, specifier }) => `${file}: ${specifier}`),
  );
  expect(wrong).toEqual([]);
});
