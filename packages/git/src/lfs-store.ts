import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { invalid, syncDirectory } from '@tagboat/base';

/** The Git LFS objects of one repository, beside its git objects, where `git lfs` itself would keep them. */
export class LfsStore {
  readonly #directory: string;

  constructor(repository: string) {
    this.#directory = join(repository, 'lfs', 'objects');
  }

  /** Bytes of an object, or undefined where it is not here. */
  async size(oid: string): Promise<number | undefined> {
    const found = await stat(this.#path(oid)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    return found?.size;
  }

  read(oid: string, range: { start?: number; end?: number } = {}): Readable {
    return createReadStream(this.#path(oid), range);
  }

  /**
   * Takes an object: written to a temporary name, synced, held against its digest, renamed.
   * @throws `Invalid` when the content is another, or longer than `limit`
   */
  async write(oid: string, content: Readable, limit: number): Promise<void> {
    const path = this.#path(oid);
    await mkdir(dirname(path), { recursive: true });
    const temporary = join(dirname(path), `.${randomUUID()}.tmp`);
    try {
      const handle = await open(temporary, 'wx');
      try {
        const hash = createHash('sha256');
        let size = 0;
        for await (const piece of content as AsyncIterable<Buffer>) {
          size += piece.length;
          if (size > limit) throw invalid(`expected ${limit} bytes for ${oid}, found more`);
          hash.update(piece);
          // All of it: a single write may end half-way where the disk is nearly full.
          await handle.appendFile(piece);
        }
        const found = hash.digest('hex');
        if (found !== oid) throw invalid(`expected content with the sha256 ${oid}, found ${found}`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, path);
      await syncDirectory(dirname(path));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  #path(oid: string): string {
    if (!isOid(oid)) throw invalid(`expected a sha256 in hexadecimal digits, found "${oid}"`);
    return join(this.#directory, oid.slice(0, 2), oid.slice(2, 4), oid);
  }
}

export const isOid = (text: unknown): text is string =>
  typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
