// What both commands need first: a fitting Node, git, Python, and the npm packages of the lockfile.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Ends with a sentence for each thing that is missing. */
function checkHost() {
  const missing = [];
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    missing.push(`Node 20.19 or later (found ${process.versions.node}): https://nodejs.org`);
  if (spawnSync('git', ['--version']).status !== 0) missing.push('git: apt install git');
  const version = spawnSync('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
    encoding: 'utf8',
  });
  const python = (version.stdout ?? '').trim();
  if (version.status !== 0) missing.push('Python 3.10 or later: apt install python3');
  else if (Number(python.split('.')[1]) < 10) missing.push(`Python 3.10 or later (found ${python})`);
  if (missing.length === 0) return;
  console.error(`missing on this machine:\n${missing.map((line) => `  ${line}`).join('\n')}`);
  process.exit(1);
}

/** The Node that npm installed beside us; everything after set-up runs on it. */
export function node24() {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const path = join(root, 'node_modules', name, 'bin', 'node');
  if (existsSync(path)) return path;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  console.error(`there is no ${name} package; use Node 24 or later: https://nodejs.org`);
  process.exit(1);
}

/** Installs the packages of the lockfile, unless that was done already. */
function installPackages() {
  const manifests = ['package.json', 'package-lock.json'].map((name) => readFileSync(join(root, name)));
  const wanted = createHash('sha256').update(Buffer.concat(manifests)).digest('hex');
  const stamp = join(root, 'node_modules', '.tagboat');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log('installs the npm packages (about 110 MB to download, once)');
  const npm = process.env.npm_execpath;
  const args = [
    'install',
    '--no-audit',
    '--no-fund',
    '--no-save',
    '--loglevel=error',
    '--no-update-notifier',
  ];
  const [command, words] = npm ? [process.execPath, [npm, ...args]] : ['npm', args];
  execFileSync(command, words, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  writeFileSync(stamp, wanted);
}

export function prepare() {
  checkHost();
  try {
    installPackages();
  } catch {
    console.error('the npm packages could not be installed: is there a network? see the messages above');
    process.exit(1);
  }
}
