import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { syncDirectory, TagboatError } from '@tagboat/base';
import type { Credentials } from './git.ts';
import type { Commit, TreeFile } from './tree.ts';

/** A Git LFS pointer is small, and says so in its first line (git-lfs docs/spec.md). */
export const largestPointer = 1024;
const smallestPointer = 100;

export interface LfsPointer {
  /** sha256, in hexadecimal digits. */
  readonly oid: string;
  readonly size: number;
}

export function parseLfsPointer(text: string): LfsPointer | undefined {
  if (!text.startsWith('version https://git-lfs.github.com/spec/v1\n')) return undefined;
  const oid = /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1];
  const size = /^size (\d+)$/m.exec(text)?.[1];
  return oid && size ? { oid, size: Number(size) } : undefined;
}

/** Where `git lfs` keeps the content of an object, in a bare repository. */
export const lfsObjectPath = (repository: string, oid: string): string =>
  join(repository, 'lfs', 'objects', oid.slice(0, 2), oid.slice(2, 4), oid);

const mayPoint = ({ mode, size }: TreeFile) =>
  mode.startsWith('100') && size >= smallestPointer && size <= largestPointer;

/** The Git LFS pointers among the files of a commit. */
export async function lfsPointers(commit: Commit): Promise<(LfsPointer & { readonly path: string })[]> {
  const files = (await commit.files()).filter(mayPoint);
  if (files.length === 0) return [];
  const texts = await commit.readTexts(files);
  return files.flatMap(({ path }, index) => {
    const pointer = parseLfsPointer(texts[index]!);
    return pointer ? [{ ...pointer, path }] : [];
  });
}

/** Puts the content of Git LFS files in place of their pointers, where it is in the repository. */
export async function replacePointers(
  repository: string,
  directory: string,
  files: readonly TreeFile[],
): Promise<void> {
  for (const file of files) {
    if (!mayPoint(file)) continue;
    const target = join(directory, file.path);
    const pointer = parseLfsPointer(await readFile(target, 'utf8'));
    if (!pointer) continue;
    const content = lfsObjectPath(repository, pointer.oid);
    if (!existsSync(content)) continue;
    await rm(target);
    await copyFile(content, target);
  }
}

interface BatchAnswer {
  readonly objects?: readonly {
    readonly oid: string;
    readonly error?: { readonly message?: string };
    readonly actions?: {
      readonly download?: { readonly href: string; readonly header?: Record<string, string> };
    };
  }[];
}

/**
 * Fetches the content of Git LFS objects of a repository over http(s) into the bare clone of it (git-lfs docs/api/batch.md).
 * @returns the objects that the server has not
 */
export async function fetchLfsObjects(
  url: string,
  repository: string,
  about: { pointers: readonly LfsPointer[]; credentials?: Credentials },
): Promise<LfsPointer[]> {
  const missing = about.pointers.filter(({ oid }) => !existsSync(lfsObjectPath(repository, oid)));
  if (missing.length === 0 || !/^https?:/.test(url)) return [...missing];
  const { username, password } = about.credentials ?? {};
  const authorization: Record<string, string> =
    username === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
  const endpoint = `${url.replace(/\/$/, '').replace(/(\.git)?$/, '.git')}/info/lfs/objects/batch`;
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      accept: 'application/vnd.git-lfs+json',
      'content-type': 'application/vnd.git-lfs+json',
      ...authorization,
    },
    body: JSON.stringify({
      operation: 'download',
      transfers: ['basic'],
      objects: missing.map(({ oid, size }) => ({ oid, size })),
    }),
  });
  if (!response.ok) {
    await response.body?.cancel();
    return missing;
  }
  const left = new Map(missing.map((pointer) => [pointer.oid, pointer]));
  for (const { oid, actions } of ((await response.json()) as BatchAnswer).objects ?? []) {
    const pointer = left.get(oid);
    if (!pointer || !actions?.download) continue;
    await download(actions.download, lfsObjectPath(repository, oid), pointer);
    left.delete(oid);
  }
  return [...left.values()];
}

async function download(
  { href, header = {} }: { href: string; header?: Record<string, string> },
  path: string,
  { oid, size }: LfsPointer,
): Promise<void> {
  const fail = (what: string) =>
    new TagboatError(`the Git LFS object ${oid.slice(0, 12)} cannot be fetched: ${what}`, {
      reason: 'Unavailable',
    });
  const response = await fetch(href, { headers: header });
  if (!response.ok || !response.body) throw fail(`HTTP ${response.status}`);
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  const hash = createHash('sha256');
  let received = 0;
  const count = new Transform({
    transform(piece: Buffer, _encoding, done) {
      received += piece.length;
      hash.update(piece);
      done(received > size ? fail('more came than its size') : null, piece);
    },
  });
  try {
    await pipeline(
      Readable.fromWeb(response.body as never),
      count,
      createWriteStream(temporary, { flush: true }),
    );
    if (hash.digest('hex') !== oid) throw fail('other content came');
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
}
