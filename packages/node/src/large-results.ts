import { readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256, TagboatError, writeFileAtomic } from '@tagboat/base';
import { NodeLayout } from './layout.ts';

/** Larger results are kept as files, and objects hold their digests. */
const inlineLimit = 32 * 1024;
const token = /tagboat-result:\/\/sha256:([0-9a-f]{64})/g;

/** A result's text, or for a large one a token that stands for it: whoever runs a step with it puts the text back. */
export async function keepLargeResult(bytes: Buffer, type: string, directory: string): Promise<string> {
  // Lists and objects are taken apart by what uses them, so they stay whole.
  if (bytes.length <= inlineLimit || type !== 'string') return bytes.toString('utf8');
  const digest = sha256(bytes);
  const path = join(directory, digest.slice('sha256:'.length));
  // What is made again is as new: the oldest go first.
  if (await stat(path).catch(() => undefined)) await touch(path);
  else await writeFileAtomic(path, bytes, 0o600);
  return `tagboat-result://${digest}`;
}

/** A text with the large results in it put back. @throws `ResultExpired` where retention has removed one */
export async function readLargeResult(text: string, directory: string): Promise<string> {
  if (!text.includes('tagboat-result://')) return text;
  const values = new Map<string, string>();
  for (const [whole, hex] of text.matchAll(token)) {
    const path = join(directory, hex!);
    const value = await readFile(path, 'utf8').catch(() => {
      throw new TagboatError(`the result ${whole} is no longer kept`, {
        reason: 'ResultExpired',
        hint: 'run the task again that made it: tagboat rerun RUN does, with --from-failed too',
      });
    });
    await touch(path);
    values.set(whole, value);
  }
  return text.replace(token, (whole) => values.get(whole)!);
}

/** Tells whether all the large results that a text names are still kept in the state directory `home`. */
export const resultsKept =
  (home: string) =>
  async (text: string): Promise<boolean> => {
    const { results } = new NodeLayout(home);
    const found = largeResultsIn(text).map((hex) => stat(join(results, hex)).catch(() => undefined));
    return (await Promise.all(found)).every((file) => file !== undefined);
  };

/** The large results that a text names, by the hex of their digests. */
export const largeResultsIn = (text: string): string[] => [...text.matchAll(token)].map(([, hex]) => hex!);

async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined);
}
