import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { invalid, TagboatError } from '@tagboat/base';

/** A value that nobody sees: asked for in a terminal, else the whole of standard input. @throws `Invalid`, `Cancelled` */
export async function readSecret(key: string): Promise<string> {
  const value = process.stdin.isTTY ? await ask(`${key}: `) : withoutLineEnd(await text(process.stdin));
  if (value === '') throw invalid(`expected a value for ${key}, found none`);
  return value;
}

/** `echo` ends its line, which is no part of a password; of texts of several lines, such as keys, it is. */
export const withoutLineEnd = (value: string): string => value.replace(/^([^\n]*?)\r?\n$/, '$1');

async function ask(prompt: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  const stop = new AbortController();
  lines.on('SIGINT', () => stop.abort());
  process.stderr.write(prompt);
  try {
    return await lines.question('', { signal: stop.signal });
  } catch (cause) {
    throw new TagboatError('nothing was kept', { reason: 'Cancelled', cause });
  } finally {
    process.stderr.write('\n');
    lines.close();
  }
}
