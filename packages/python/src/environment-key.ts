import { canonicalJson, hexOf, sha256 } from '@tagboat/base';
import type { Interpreter } from './types.ts';

/** The lock without comments, blank lines and order: what it says, not how it is written. */
function lockContent(lock: string): string[] {
  return lock
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/)
    .map((line) =>
      line
        .replace(/(^|\s)#.*$/, '')
        .trim()
        .split(/\s+/)
        .join(' '),
    )
    .filter((line) => line !== '')
    .sort();
}

/**
 * The name of the environment that this lock gives on this interpreter: 64 hexadecimal digits. Where the interpreter is
 * installed does not matter, its version, ABI and platform do.
 */
export function environmentKey(lock: string, interpreter: Interpreter): string {
  const { version, implementation, abi, platform, libc } = interpreter;
  return hexOf(
    sha256(
      canonicalJson({ layout: 2, lock: lockContent(lock), version, implementation, abi, platform, libc }),
    ),
  );
}
