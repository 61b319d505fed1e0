import { createHash, type Hash } from 'node:crypto';
import { type Digest, isDigest, sha256 } from '@tagboat/base';

declare const sha512Brand: unique symbol;

/** Of a blob by one of the algorithms that the image spec registers (descriptor.md); what is made here has sha256. */
export type BlobDigest = Digest | (string & { readonly [sha512Brand]: true });

export const isBlobDigest = (text: string): text is BlobDigest =>
  isDigest(text) || /^sha512:[0-9a-f]{128}$/.test(text);

export const algorithmOf = (digest: BlobDigest): string => digest.slice(0, digest.indexOf(':'));

/** What names the blob in a directory: as long as its algorithm makes it, so that no two algorithms meet. */
export const hexOfBlob = (digest: BlobDigest): string => digest.slice(digest.indexOf(':') + 1);

/** The digest that a name of `hexOfBlob` stands for, or undefined for other names. */
export function digestNamed(hex: string): BlobDigest | undefined {
  const digest = `${hex.length === 128 ? 'sha512' : 'sha256'}:${hex}`;
  return isBlobDigest(digest) ? digest : undefined;
}

/** A running hash by the algorithm of a digest. */
export const hashFor = (digest: BlobDigest): Hash => createHash(algorithmOf(digest));

/** The digest that a hash of `hashFor(like)` comes to. */
export const finished = (hash: Hash, like: BlobDigest): BlobDigest =>
  `${algorithmOf(like)}:${hash.digest('hex')}` as BlobDigest;

/** The digest of bytes by the algorithm of another one, else sha256. */
export const digestOfBytes = (bytes: Uint8Array, like?: BlobDigest): BlobDigest =>
  like ? finished(hashFor(like).update(bytes), like) : sha256(bytes);
