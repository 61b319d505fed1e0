import { createHash, type Hash } from 'node:crypto';
import { invalid } from './errors.ts';

declare const digestBrand: unique symbol;
/** `sha256:` and 64 lower-case hexadecimal digits (OCI image spec, descriptor "digest"). Only `parseDigest` and `sha256` make one. */
export type Digest = string & { readonly [digestBrand]: true };

const pattern = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return pattern.test(text);
}

/** @throws `Invalid` when the text is not a sha256 digest. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text))
    throw invalid(`expected a digest "sha256:<64 hex digits>", found "${text.slice(0, 100)}"`);
  return text;
}

/** The digest of the given bytes (strings as UTF-8). */
export function sha256(data: string | Uint8Array): Digest {
  return digestOf(createHash('sha256').update(data));
}

/** Finishes a running sha256 hash as a `Digest`. */
export function digestOf(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}` as Digest;
}

export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/**
 * JSON with object keys sorted at every level and `undefined` left out: equal values give equal text, and different ones
 * different text, so it can be hashed. NaN and the infinities, which JSON has no words for, become objects.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'number' && !Number.isFinite(inner)) return { number: String(inner) };
    return inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner;
  });
}
