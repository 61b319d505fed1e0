import { canonicalJson, type Digest, invalid, sha256, systemClock } from '@tagboat/base';
import { resolveInterpreter } from './interpreter.ts';
import { asked, lockWith } from './lock.ts';
import { createReporter, type Reporter } from './progress.ts';
import { readRequirements } from './read-requirements.ts';
import { logicalLines } from './requirements-file.ts';
import type { EnvironmentRequest, Interpreter, PinnedLock, Requirements } from './types.ts';

export interface LockedRequest extends PinnedLock {
  readonly requirements: Requirements;
  readonly interpreter: Interpreter;
  /** True where the pinned lock answers the request. */
  readonly pinned: boolean;
}

/**
 * The lock of what is asked for, to be kept under version control: with it, the same versions are installed later and
 * elsewhere. Nothing is installed.
 * @throws what `readRequirements`, `resolveInterpreter` and `lockEnvironment` throw
 */
export async function lockRequest(options: EnvironmentRequest): Promise<LockedRequest> {
  using reporter = createReporter(options.onProgress, options.clock ?? systemClock);
  return lockedRequest(options, reporter);
}

export async function lockedRequest(options: EnvironmentRequest, reporter: Reporter): Promise<LockedRequest> {
  const requirements =
    'lines' in options.requirements
      ? options.requirements
      : await readRequirements(options.requirements.directory, options.requirements.file);
  const wanted = options.python ?? requirements.pythonRequires?.specifier;
  const interpreter = await resolveInterpreter({
    ...(wanted === undefined ? {} : { wanted: asSpecifier(wanted) }),
    ...(requirements.pythonRequires ? { source: requirements.pythonRequires.source } : {}),
    cacheDirectory: options.cacheDirectory,
    ...(options.env ? { env: options.env } : {}),
  });
  const requires = requestDigest(requirements, options.extra ?? [], interpreter);
  const found = { requirements, interpreter, requires };
  if (options.pinned?.requires === requires)
    return { ...found, lock: checkedLock(options.pinned.lock), pinned: true };
  if (options.pinned)
    reporter.say({
      phase: 'resolve',
      message:
        'the requirements or the Python are not those that the lock was made for: they are resolved anew',
    });
  return {
    ...found,
    lock: await lockWith({ ...options, requirements, interpreter }, reporter),
    pinned: false,
  };
}

/** A bare `3.11` means any 3.11. */
function asSpecifier(wanted: string): string {
  return /^\d+\.\d+$/.test(wanted) ? `==${wanted}.*` : wanted;
}

/** Which question a lock answers. From which index the files come is not a part of it: hashes say which they are. */
function requestDigest(
  requirements: Requirements,
  extra: readonly string[],
  interpreter: Interpreter,
): Digest {
  const { implementation, version, platform } = interpreter;
  return sha256(
    canonicalJson({
      format: 1,
      lines: requirements.lines.map(asked),
      constraints: requirements.constraints.map(asked),
      options: requirements.options.map(({ name, value }) => [name, value]),
      extra,
      python: [implementation, version.split('.').slice(0, 2).join('.'), platform],
    }),
  );
}

/** @throws `Invalid` where a line is no exact version: a lock comes from a repository, as requirements do */
function checkedLock(lock: string): string {
  for (const { text } of logicalLines(lock))
    if (!/^[A-Za-z0-9][\w.-]*(\[[\w.,\s-]*\])?\s*(==|@\s)/.test(text))
      throw invalid(`expected an exact version in the lock, found "${text.slice(0, 80)}"`, {
        hint: 'delete the environment from tagboat.lock: the next retraining writes it anew',
      });
  return lock;
}
