import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { compareVersions } from './specifiers.ts';

type Env = Readonly<Record<string, string | undefined>>;

async function names(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(() => [])) as string[];
}

async function isExecutableFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && (found.mode & 0o111) !== 0;
}

function homeOf(env: Env): string {
  return env.HOME ?? homedir();
}

function pyenvRoot(env: Env): string {
  return env.PYENV_ROOT ?? join(homeOf(env), '.pyenv');
}

/** The versions that pyenv's shims stand for, first the one that `python3` means. */
async function pyenvGlobal(env: Env): Promise<string[]> {
  const text = env.PYENV_VERSION ?? (await readFile(join(pyenvRoot(env), 'version'), 'utf8').catch(() => ''));
  return text.split(/[\s:]+/).filter((name) => name !== '');
}

/** Pythons in a directory of installations (`<directory>/<version>/bin/python3`), newest first. */
async function installations(directory: string): Promise<string[]> {
  const versionOf = (name: string) => /\d+(\.\d+)+/.exec(name)?.[0] ?? '0';
  const sorted = (await names(directory)).sort((a, b) => compareVersions(versionOf(b), versionOf(a)));
  return sorted.map((name) => join(directory, name, 'bin', 'python3'));
}

async function onPath(env: Env): Promise<string[]> {
  const found: string[] = [];
  for (const directory of (env.PATH ?? '').split(delimiter).filter((part) => part.startsWith('/'))) {
    if (directory === join(pyenvRoot(env), 'shims')) {
      // A shim is a slow shell script that starts pyenv; what it would choose is written in a file.
      const chosen = await pyenvGlobal(env);
      found.push(...chosen.map((name) => join(pyenvRoot(env), 'versions', name, 'bin', 'python3')));
      continue;
    }
    const here = (await names(directory)).filter((name) => /^python3(\.\d+)?$/.test(name));
    const minor = (name: string) => Number(name.split('.')[1] ?? Number.POSITIVE_INFINITY);
    found.push(...here.sort((a, b) => minor(b) - minor(a)).map((name) => join(directory, name)));
  }
  return found;
}

/** Where Pythons may be, in order of preference: PATH, pyenv's, uv's. Each file once, links followed. */
export async function interpreterCandidates(env: Env): Promise<string[]> {
  const data = env.XDG_DATA_HOME ?? join(homeOf(env), '.local', 'share');
  const all = [
    ...(await onPath(env)),
    ...(await installations(join(pyenvRoot(env), 'versions'))),
    ...(await installations(env.UV_PYTHON_INSTALL_DIR ?? join(data, 'uv', 'python'))),
  ];
  const seen = new Map<string, string>();
  for (const path of all) {
    if (!(await isExecutableFile(path))) continue;
    const real = await realpath(path);
    if (!seen.has(real)) seen.set(real, path);
  }
  return [...seen.keys()];
}
