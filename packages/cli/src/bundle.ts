import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'rolldown';

export interface BundleOptions {
  /** Entry files by the names they get. */
  readonly entries: Readonly<Record<string, string>>;
  /** Where the files go; made if needed. */
  readonly directory: string;
  /** The expression that a module's `import.meta.url` becomes, so that it finds its files beside it as before. */
  readonly moduleUrl: (file: string) => string;
  /** How a package that is not bundled is named in an import, given its own file. */
  readonly external: (specifier: string, file: string) => string;
}

/**
 * Bundles TypeScript sources into plain JavaScript files that start fast. Packages with compiled addons stay outside.
 * @returns the names of the packages that stay outside
 */
export async function bundle(options: BundleOptions): Promise<string[]> {
  const { rolldown } = await import('rolldown');
  const outside = new Set<string>();
  await using build = await rolldown({
    input: { ...options.entries },
    platform: 'node',
    plugins: [leaveAddons(options, outside), keepPlaces(options)],
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
function leaveAddons(options: BundleOptions, outside: Set<string>): Plugin {
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
function keepPlaces(options: BundleOptions): Plugin {
  return {
    name: 'keep-places',
    transform(code, id) {
      if (!/import\.meta\.(url|dirname)/.test(code) || id.includes(`${sep}node_modules${sep}`)) return null;
      const withWorkers = code.replace(workerUrl, (_, name: string) => {
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
