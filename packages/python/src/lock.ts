import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, hexOf, sha256, systemClock, TagboatError, writeFileAtomic } from '@tagboat/base';
import { explainUv } from './explain.ts';
import { indexSettings, settingsEnvironment, settingsIdentity } from './index-settings.ts';
import { normalizeName } from './pep508.ts';
import { createReporter, type Reporter } from './progress.ts';
import type { LockOptions, RequirementLine } from './types.ts';
import { ensureUv, runUv } from './uv.ts';

/**
 * Resolves requirements to exact versions with hashes, in the format of requirements.txt. The same question on the
 * same interpreter is answered from memory, without the network.
 * @throws `PackageNotFound`, `UnsatisfiableRequirements`, `NetworkUnavailable`, with the line that asks for it
 */
export async function lockEnvironment(options: LockOptions): Promise<string> {
  using reporter = createReporter(options.onProgress, options.clock ?? systemClock);
  return lockWith(options, reporter);
}

export async function lockWith(options: LockOptions, reporter: Reporter): Promise<string> {
  const { requirements, interpreter, extra = [], cacheDirectory } = options;
  // Asking for nothing needs neither an installer nor a network.
  if (requirements.lines.length === 0 && extra.length === 0) return '';
  const env = options.env ?? process.env;
  const settings = await indexSettings(env, requirements);
  const { version, implementation, abi, platform, libc } = interpreter;
  const question = {
    format: 2,
    lines: requirements.lines.map(asked),
    constraints: requirements.constraints.map(asked),
    extra,
    settings: settingsIdentity(settings),
    interpreter: { version, implementation, abi, platform, libc },
  };
  const remembered = join(cacheDirectory, 'locks', `${hexOf(sha256(canonicalJson(question)))}.txt`);
  const known = options.refresh ? undefined : await readFile(remembered, 'utf8').catch(() => undefined);
  if (known !== undefined) return known;
  const uv = await ensureUv(options, interpreter, reporter);
  const input = [...requirements.lines.map(asked), ...extra].join('\n');
  const constraints = join(cacheDirectory, 'locks', `${hexOf(sha256(canonicalJson(question)))}.constraints`);
  await writeFileAtomic(constraints, requirements.constraints.map(asked).join('\n'));
  reporter.say({
    phase: 'resolve',
    message: `resolves ${requirements.lines.length + extra.length} requirements of ${requirements.file}`,
  });
  const result = await runUv({
    uv,
    options,
    env: settingsEnvironment(settings, env),
    stdin: `${input}\n`,
    args: [
      'pip',
      'compile',
      '-',
      '--generate-hashes',
      '--no-header',
      '--no-annotate',
      '--python',
      interpreter.path,
      '-c',
      constraints,
      ...(settings.noIndex ? ['--no-index'] : []),
      ...(settings.pre ? ['--prerelease', 'allow'] : []),
      ...settings.noBinary.flatMap((name) => ['--no-binary', name]),
      ...settings.onlyBinary.flatMap((name) => ['--only-binary', name]),
    ],
  });
  if (result.code !== 0) throw explainUv(result.stderr, requirements);
  const lock = keepGivenHashes(result.stdout, requirements.lines);
  await writeFileAtomic(remembered, lock);
  return lock;
}

/**
 * The lock with only the hashes that the requirements give, where they give some: the resolver writes those of all files
 * of the index, and no other file may be installed.
 * @throws `DigestMismatch` where the index has no such file
 */
export function keepGivenHashes(lock: string, lines: readonly RequirementLine[]): string {
  const given = new Map<string, RequirementLine>();
  for (const line of lines) if (line.hashes.length > 0) given.set(line.name, line);
  if (given.size === 0) return lock;
  const entries = lock.split(/^(?=[A-Za-z0-9])/m);
  return entries.map((entry) => entryWithHashes(entry, given)).join('');
}

function entryWithHashes(entry: string, given: ReadonlyMap<string, RequirementLine>): string {
  const [head = '', ...rest] = entry.trimEnd().split(/\s*\\\n\s*/);
  const line = given.get(normalizeName(/^[\w.-]+/.exec(head)?.[0] ?? ''));
  if (!line) return entry;
  const allowed = new Set(line.hashes.map((hash) => `--hash=${hash}`));
  const kept = rest.filter((hash) => allowed.has(hash));
  if (kept.length === 0)
    throw new TagboatError(
      `no file of ${head} on the package index has a hash that the requirements give: ${line.hashes.join(', ')}`,
      {
        reason: 'DigestMismatch',
        retryable: false,
        location: line.source,
        hint: 'the hashes are of another version, or the file was replaced: if you trust the index, make the hashes anew',
      },
    );
  return `${[head, ...kept].join(' \\\n    ')}\n`;
}

/** A requirement and the hashes that are given beside it, in one line. */
export const asked = (line: RequirementLine) =>
  [line.requirement, ...line.hashes.map((hash) => `--hash=${hash}`)].join(' ');
