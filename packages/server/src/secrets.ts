import { timingSafeEqual } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { invalid, sha256, writeFileAtomic } from '@tagboat/base';

/** Compares digests, so that neither content nor length shows in the time it takes. */
export function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(sha256(a)), Buffer.from(sha256(b)));
}

/** A secret that is kept in a file of mode 0600 and made where it is missing. @throws `Invalid` for one that is too short */
export async function secretFile(path: string, make: () => string): Promise<string> {
  const found = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found !== undefined) {
    const value = found.trim();
    if (value.length < 16)
      throw invalid(`${path} holds no usable secret`, { hint: 'remove it to make a new one' });
    await chmod(path, 0o600);
    return value;
  }
  const value = make();
  await writeFileAtomic(path, `${value}\n`, 0o600);
  return value;
}
