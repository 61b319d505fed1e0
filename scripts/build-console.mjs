// Builds the console where its sources changed, with compressed copies beside the files. Runs on Node 24.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { node24, root } from './prepare.mjs';

const web = join(root, 'packages', 'web');
const dist = join(web, 'dist');
const stampFile = join(dist, '.stamp');

/** A hash over everything that the build reads. */
function stampOf() {
  const hash = createHash('sha256');
  const { dependencies } = JSON.parse(readFileSync(join(web, 'package.json'), 'utf8'));
  const own = Object.keys(dependencies).filter((name) => name.startsWith('@tagboat/'));
  const directories = ['web', ...own.map((name) => name.slice('@tagboat/'.length)).sort()].map((name) =>
    join(root, 'packages', name, 'src'),
  );
  const files = [...directories, join(web, 'public')].flatMap((directory) =>
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const single = ['index.html', 'vite.config.ts', 'package.json'].map((name) => join(web, name));
  for (const file of [...files, ...single, join(root, 'package-lock.json')].sort())
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  return hash.digest('hex');
}

/** Copies of a file that a browser can take as they are. */
function compress(path) {
  const data = readFileSync(path);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: data.length };
  writeFileSync(`${path}.br`, brotliCompressSync(data, { params: quality }));
  writeFileSync(`${path}.gz`, gzipSync(data, { level: 9 }));
}

function build() {
  const stamp = stampOf();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  // Built beside and moved at the end: a killed build leaves the one before it.
  const next = join(web, 'dist.next');
  rmSync(next, { recursive: true, force: true });
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  const { status } = spawnSync(
    node24(),
    [vite, 'build', '--outDir', 'dist.next', '--emptyOutDir', '--logLevel', 'error'],
    { cwd: web, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, NODE_ENV: 'production' } },
  );
  if (status !== 0) {
    console.error('the console could not be built: see the messages above; everything else works without it');
    process.exitCode = 1;
    return;
  }
  for (const entry of readdirSync(next, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && /\.(js|css|svg|html|json)$/.test(entry.name))
      compress(join(entry.parentPath, entry.name));
  writeFileSync(join(next, '.stamp'), stamp);
  rmSync(dist, { recursive: true, force: true });
  renameSync(next, dist);
}

build();
