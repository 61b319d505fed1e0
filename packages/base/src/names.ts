import { sha256 } from './digest.ts';

/** Kubernetes' limit for a label value and a DNS label (RFC 1123). */
export const maxNameLength = 63;

/** Lower-case letters, digits and dashes out of any text; never empty, never with a dash at either end. */
export function slug(text: string): string {
  const clean = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return clean === '' ? 'x' : clean;
}

/** The first `length` hexadecimal digits of the sha256 over all the parts; parts cannot run into each other. */
export function shortHash(parts: readonly string[], length = 8): string {
  return sha256(JSON.stringify(parts)).slice('sha256:'.length, 'sha256:'.length + length);
}

/**
 * A deterministic, readable name of at most 63 characters: the slug of `readable`, then a hash over `identity`.
 * The same identity always gives the same name, which is what makes creation idempotent.
 */
export function deterministicName(readable: string, identity: readonly string[]): string {
  const hash = shortHash(identity);
  return `${slug(readable)
    .slice(0, maxNameLength - hash.length - 1)
    .replace(/-+$/, '')}-${hash}`;
}

/** `name` itself where it fits in 63 characters, else its beginning and a hash of the whole. */
export function shortened(name: string): string {
  if (name.length <= maxNameLength) return name;
  const hash = shortHash([name], 8);
  return `${name.slice(0, maxNameLength - hash.length - 1).replace(/[-.]+$/, '')}-${hash}`;
}
