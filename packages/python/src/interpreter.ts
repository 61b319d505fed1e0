import { readFile, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { invalid, shortHash, TagboatError, writeFileAtomic } from '@tagboat/base';
import { runCommand } from '@tagboat/process';
import { interpreterCandidates } from './interpreter-search.ts';
import { satisfies } from './specifiers.ts';
import type { Interpreter, ResolveInterpreterOptions } from './types.ts';

const probe = `
import json, os, platform, sys, sysconfig
base = getattr(sys, "_base_executable", None) or sys.executable
print(json.dumps({
  "path": os.path.realpath(base),
  "version": "%d.%d.%d" % sys.version_info[:3],
  "implementation": sys.implementation.name,
  "abi": sys.implementation.cache_tag + "-" + (sysconfig.get_config_var("SOABI") or "") + getattr(sys, "abiflags", ""),
  "platform": sysconfig.get_platform(),
  "libc": " ".join(platform.libc_ver()).strip() or ("musl" if sys.platform == "linux" else ""),
}))
`;

/** The oldest Python that current installers and kernels still run on. */
const oldest = '3.8';

async function runProbe(path: string): Promise<Interpreter | undefined> {
  const result = await runCommand(path, ['-I', '-c', probe], { timeout: 20_000 }).catch((error: unknown) => {
    if (error instanceof TagboatError) return undefined;
    throw error;
  });
  if (result?.code !== 0) return undefined;
  return JSON.parse(result.stdout.toString()) as Interpreter;
}

/** What is remembered of a probe holds while the file is the same. */
async function probeRemembered(
  path: string,
  cacheDirectory: string | undefined,
): Promise<Interpreter | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return undefined;
  const identity = [path, found.ino, found.size, found.mtimeMs, found.ctimeMs].map(String);
  const file =
    cacheDirectory && join(cacheDirectory, 'interpreters', `${shortHash(['1', ...identity], 16)}.json`);
  const remembered = file && (await readFile(file, 'utf8').catch(() => undefined));
  if (remembered) return JSON.parse(remembered) as Interpreter;
  const interpreter = await runProbe(path);
  if (file && interpreter) await writeFileAtomic(file, JSON.stringify(interpreter));
  return interpreter;
}

function howToGet(wanted: string | undefined): string {
  const version = /\d+\.\d+(\.\d+)?/.exec(wanted ?? '')?.[0] ?? '3.12';
  const minor = version.split('.').slice(0, 2).join('.');
  return `install one: "uv python install ${version}", "pyenv install ${version}" or the package python${minor} of the system; or ask for a Python that is there`;
}

function missing(options: ResolveInterpreterOptions, found: readonly Interpreter[]): TagboatError {
  const list = found.map(({ version, path }) => `${version} (${path})`).join(', ');
  const wanted = options.wanted ? `Python ${options.wanted}` : `Python ${oldest} or newer`;
  return invalid(`expected ${wanted} on this machine, found ${list || 'no Python at all'}`, {
    location: options.source,
    hint: howToGet(options.wanted),
  });
}

async function atPath(path: string, options: ResolveInterpreterOptions): Promise<Interpreter> {
  const found = await probeRemembered(path, options.cacheDirectory);
  if (found) return found;
  throw invalid(`expected a Python 3 at ${path}, found none that runs`, {
    location: options.source,
    hint: howToGet(undefined),
  });
}

/**
 * Finds the Python that was asked for: on PATH, among pyenv's, among uv's, in this order; the first that fits. With a
 * cache directory, each file is started once only.
 * @throws `Invalid` that names what was found and how to get the wanted one.
 */
export async function resolveInterpreter(options: ResolveInterpreterOptions = {}): Promise<Interpreter> {
  const { wanted = '', cacheDirectory, env = process.env } = options;
  if (isAbsolute(wanted)) return atPath(wanted, options);
  satisfies('3.0', wanted, options.source);
  const found: Interpreter[] = [];
  for (const path of await interpreterCandidates(env)) {
    const interpreter = await probeRemembered(path, cacheDirectory);
    if (!interpreter) continue;
    if (satisfies(interpreter.version, `>=${oldest}`) && satisfies(interpreter.version, wanted))
      return interpreter;
    found.push(interpreter);
  }
  throw missing(options, found);
}
