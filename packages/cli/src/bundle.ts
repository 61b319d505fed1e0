import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'rolldown';

export interface BundlePlaces {
  /** Where the files go; made if needed. */
  readonly directory: string;
  /** The expression that a module's `import.meta.url` becomes, so that it finds its files beside it as before. */
  readonly moduleUrl: (file: string) => string;
  /** How a package that is not bundled is named in an import, given its own file. */
  readonly external: (specifier: string, file: string) => string;
}

interface BundleOptions extends BundlePlaces {
  /** Entry files by the names they get. */
  readonly entries: Readonly<Record<string, string>>;
}

/** The file of a bundle of the CLI that starts it. */
export const bundleEntry = 'main.cjs';

/** Steps that every tag waits for: each has a file of its own, since Node takes about 1 ms for each file it loads. */
export const frequentSteps = ['clone', 'environment', 'train', 'evaluate', 'build', 'release'];

/** Bundles the CLI, to be started by `bundleEntry`. @returns the names of the packages that stay outside */
export async function bundleCli(sources: string, options: BundlePlaces): Promise<string[]> {
  const outside = await bundle({ ...options, entries: { main: join(sources, 'main.ts') } });
  for (const name of frequentSteps) await bundleStep(name, sources, options);
  const lines = [
    `const [command, name] = process.argv.slice(2);`,
    `if (command === 'step' && ${JSON.stringify(frequentSteps)}.includes(name)) {`,
    // V8's code for these files, where it can be written or was: for the same Node it need not be made again.
    `  require('node:module').enableCompileCache(__dirname + '/compiled');`,
    `  require('./step-' + name + '.cjs');`,
    `} else import('./main.js');`,
  ];
  await writeFile(join(options.directory, bundleEntry), `${lines.join('\n')}\n`);
  return outside;
}

/** One step of a run with all that it needs, in one file, as CommonJS, which Node loads faster. */
async function bundleStep(name: string, sources: string, options: BundlePlaces): Promise<void> {
  const { rolldown } = await import('rolldown');
  const entry = `step-${name}`;
  const code = [
    `import { step } from ${JSON.stringify(join(sources, 'step.ts'))};`,
    // What waits here may wait on timers that keep no process alive by themselves.
    `setInterval(() => undefined, 60_000);`,
    `step(${JSON.stringify(name)}).then((code) => process.exit(code));`,
  ].join('\n');
  await using build = await rolldown({
    input: { [entry]: entry },
    platform: 'node',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => (id === entry ? code : null),
      },
      leaveOtherSteps(name),
      leaveAddons(options, new Set()),
      // The whole CLI beside it has made them.
      keepPlaces(options, { workers: 'there' }),
    ],
    treeshake: { moduleSideEffects: (id) => !isOwn(id) },
    logLevel: 'silent',
  });
  const form = { format: 'cjs', entryFileNames: '[name].cjs', codeSplitting: false } as const;
  await build.write({ dir: options.directory, ...form });
}

/** The table of steps loads each when it runs; those that this file is not for stay where they are. */
function leaveOtherSteps(name: string): Plugin {
  return {
    name: 'leave-other-steps',
    resolveId(specifier, importer, { kind }) {
      if (kind !== 'dynamic-import' || basename(importer ?? '') !== 'run-step.ts') return null;
      return basename(specifier) === `${name}.ts` ? null : { id: specifier, external: true };
    },
  };
}

/**
 * Bundles TypeScript sources into plain JavaScript files that start fast. Packages with compiled addons stay outside.
 * @returns the names of the packages that stay outside
 */
async function bundle(options: BundleOptions): Promise<string[]> {
  const { rolldown } = await import('rolldown');
  const outside = new Set<string>();
  await using build = await rolldown({
    input: { ...options.entries },
    platform: 'node',
    plugins: [leaveAddons(options, outside), keepPlaces(options, { workers: 'made' })],
    // Of our own packages a file loads what it uses: importing one does nothing else.
    treeshake: { moduleSideEffects: (id) => !isOwn(id) },
    logLevel: 'silent',
  });
  await build.write({
    dir: options.directory,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // CommonJS packages in the bundle still call require for Node's own modules.
    banner:
      'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  });
  return [...outside].sort();
}

const isOwn = (file: string) =>
  file.includes(`${sep}packages${sep}`) && !file.includes(`${sep}node_modules${sep}`);

/** Packages that hold compiled addons cannot be bundled, and neither can the bundler itself. */
function leaveAddons(options: BundlePlaces, outside: Set<string>): Plugin {
  return {
    name: 'leave-addons',
    async resolveId(specifier, importer) {
      if (specifier.startsWith('.') || specifier.startsWith('node:') || !importer) return null;
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      const directory = packageDirectory(name, importer);
      if (!directory || !(name === 'rolldown' || (await hasAddon(directory)))) return null;
      outside.add(name);
      const file = createRequire(importer).resolve(specifier);
      return { id: options.external(specifier, file), external: true };
    },
  };
}

function packageDirectory(name: string, importer: string): string | undefined {
  for (let at = dirname(importer); ; at = dirname(at)) {
    const directory = join(at, 'node_modules', name);
    if (existsSync(join(directory, 'package.json'))) return directory;
    if (at === dirname(at)) return undefined;
  }
}

const known = new Map<string, Promise<boolean>>();

/** Whether a package holds a compiled addon, itself or in a package of its own for each platform. */
function hasAddon(directory: string): Promise<boolean> {
  const found = known.get(directory) ?? lookForAddon(directory);
  known.set(directory, found);
  return found;
}

async function lookForAddon(directory: string): Promise<boolean> {
  const names = await readdir(directory, { recursive: true });
  if (names.some((name) => name.endsWith('.node') || basename(name) === 'binding.gyp')) return true;
  const manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as {
    optionalDependencies?: Record<string, string>;
  };
  for (const name of Object.keys(manifest.optionalDependencies ?? {})) {
    const platform = packageDirectory(name, join(directory, 'package.json'));
    if (platform && (await hasAddon(platform))) return true;
  }
  return false;
}

// Put together, since this file goes through the bundler itself.
const meta = ['import', 'meta'].join('.');
const workerUrl = /new URL\('\.\/([\w-]+)\.ts', import\.meta\.url\)/g;

/** Modules that read files beside them, or start workers, still find them. */
function keepPlaces(options: BundlePlaces, { workers }: { workers: 'made' | 'there' }): Plugin {
  return {
    name: 'keep-places',
    transform(code, id) {
      if (!/import\.meta\.(url|dirname)/.test(code) || id.includes(`${sep}node_modules${sep}`)) return null;
      const withWorkers = code.replace(workerUrl, (_, name: string) => {
        if (workers === 'made')
          this.emitFile({ type: 'chunk', id: join(dirname(id), `${name}.ts`), fileName: `${name}.js` });
        return `new URL('./${name}.js', ${meta}.here)`;
      });
      const place = options.moduleUrl(id);
      const placed = withWorkers
        .replaceAll(`${meta}.url`, place)
        .replaceAll(`${meta}.dirname`, `decodeURIComponent(new URL('.', ${place}).pathname)`);
      return { code: placed.replaceAll(`${meta}.here`, `${meta}.url`) };
    },
  };
}

/** Modules of a bundle that stays on the machine it was made on. */
export const absolutePlaces = {
  moduleUrl: (file: string) => JSON.stringify(pathToFileURL(file).href),
  external: (_: string, file: string) => pathToFileURL(file).href,
} as const;
