import { randomInt } from 'node:crypto';

/** No vowels and nothing that looks alike, so that no words come out (apimachinery `rand.SafeEncodeString`). */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const longestPrefix = 58;

/** A name from `metadata.generateName`: its first 58 characters and five random ones. */
export function generatedName(prefix: string): string {
  const suffix = Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join('');
  return prefix.slice(0, longestPrefix) + suffix;
}
