import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, hexOf, sha256, systemClock, writeFileAtomic } from '@tagboat/base';
import { explainUv } from './explain.ts';
import { indexSettings, settingsEnvironment, settingsIdentity } from './index-settings.ts';
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
    format: 1,
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
  await writeFileAtomic(remembered, result.stdout);
  return result.stdout;
}

/** A requirement and the hashes that are given beside it, in one line. */
export const asked = (line: RequirementLine) =>
  [line.requirement, ...line.hashes.map((hash) => `--hash=${hash}`)].join(' ');
