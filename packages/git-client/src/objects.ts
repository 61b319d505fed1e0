import { createHash } from 'node:crypto';
import { type Digest, digestOf, notFound } from '@tagboat/base';
import { runCommand } from '@tagboat/process';
import { gitEnvironment } from './git.ts';
import { type GitObject, largestRead, ObjectReader, parseHead, tooLarge } from './object-reader.ts';

let readers: Map<string, ObjectReader> | undefined;

/** From now on objects are read by a git for each repository that stays: for a process that reads few repositories much. */
export function keepObjectReaders(): void {
  readers ??= new Map();
}

/**
 * Reads objects by their names (gitrevisions(7)) in one process.
 * @returns in their order; undefined for each that is not there
 */
export async function readObjects(
  repository: string,
  names: readonly string[],
): Promise<(GitObject | undefined)[]> {
  if (readers) {
    const reader = readers.get(repository) ?? new ObjectReader(repository);
    readers.set(repository, reader);
    return Promise.all(names.map((name) => reader.read(name)));
  }
  // A name of two lines names nothing, and would be taken for two.
  const asked = names.map((name) => (name.includes('\n') ? '' : name));
  const { code, stdout, cut } = await runCommand('git', ['cat-file', '--batch'], {
    cwd: repository,
    env: gitEnvironment(),
    stdin: asked.map((name) => `${name}\n`).join(''),
    maxOutput: largestRead,
  });
  if (cut) throw tooLarge(names.length === 1 ? names[0]! : `what was asked of ${repository}`);
  if (code !== 0) return names.map(() => undefined);
  let at = 0;
  return names.map(() => {
    const end = stdout.indexOf(10, at);
    const head = parseHead(stdout.toString('latin1', at, end));
    at = end + 1;
    if (!head) return undefined;
    const { id, type, size } = head;
    const content = stdout.subarray(at, at + size);
    at += size + 1;
    return { id, type, content };
  });
}

/**
 * The sha256 of the content of blobs, in their order, by one git, whatever their size: nothing of them is held.
 * @throws `NotFound`
 */
export async function blobDigests(repository: string, ids: readonly string[]): Promise<Digest[]> {
  const digests: Digest[] = [];
  let head: Buffer = Buffer.alloc(0);
  let hash = createHash('sha256');
  /** Bytes of the blob that are still to come, and the line break behind it; undefined before its first line. */
  let left: number | undefined;
  const take = (data: Buffer): Buffer => {
    if (left === undefined) {
      head = Buffer.concat([head, data]);
      const end = head.indexOf(10);
      if (end < 0) return Buffer.alloc(0);
      const size = /^[0-9a-f]+ blob (\d+)$/.exec(head.toString('latin1', 0, end))?.[1];
      const rest = head.subarray(end + 1);
      if (size === undefined) throw notFound(`${head.toString('latin1', 0, end)} in ${repository}`);
      head = Buffer.alloc(0);
      left = Number(size) + 1;
      return rest;
    }
    hash.update(data.subarray(0, Math.min(data.length, left - 1)));
    const rest = data.subarray(left);
    left -= data.length - rest.length;
    if (left === 0) {
      digests.push(digestOf(hash));
      hash = createHash('sha256');
      left = undefined;
    }
    return rest;
  };
  let problem: unknown;
  const { stderr } = await runCommand('git', ['cat-file', '--batch'], {
    cwd: repository,
    env: gitEnvironment(),
    stdin: ids.map((id) => `${id}\n`).join(''),
    maxOutput: 1,
    onOutput: (stream, data) => {
      try {
        if (stream === 'stdout' && !problem) for (let rest = data; rest.length > 0; ) rest = take(rest);
      } catch (error) {
        problem = error;
      }
    },
  });
  if (problem) throw problem;
  if (digests.length < ids.length)
    throw notFound(`objects of ${repository} cannot be read: ${stderr.trim()}`);
  return digests;
}
