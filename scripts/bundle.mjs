// `npm pack`: the CLI and the console, bundled into what the published package holds.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { node24, prepare, root } from './prepare.mjs';

// Bundling is written in TypeScript, which this Node may not read.
if (process.argv[2] !== 'bundle') {
  prepare();
  const run = (...args) => spawnSync(node24(), args, { stdio: 'inherit', cwd: root }).status;
  process.exitCode =
    run(join(root, 'scripts', 'build-console.mjs')) ||
    run('--disable-warning=ExperimentalWarning', join(root, 'scripts', 'bundle.mjs'), 'bundle');
} else {
  const { bundleCli } = await import('../packages/cli/src/bundle.ts');
  const directory = join(root, 'dist');
  rmSync(directory, { recursive: true, force: true });
  const outside = await bundleCli(join(root, 'packages', 'cli', 'src'), {
    directory,
    // Files beside a source stand at the same place in the package.
    moduleUrl: (file) =>
      `new URL(${JSON.stringify(`../${file.slice(root.length + 1)}`)}, import.meta.url).href`,
    external: (specifier) => specifier,
  });
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  // The bundler itself is for checkouts alone.
  const missing = outside.filter((name) => name !== 'rolldown' && !(name in dependencies));
  if (missing.length > 0) {
    console.error(
      `packages with addons that package.json does not list under dependencies: ${missing.join(', ')}`,
    );
    process.exitCode = 1;
  }
}
