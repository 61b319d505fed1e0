import type { ExecSession } from '@tagboat/api';
import { expect, test } from 'vitest';
import { type RemoteStreams, runRemote } from './remote-command.ts';

async function* sent(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

function session(changes: Partial<ExecSession>): ExecSession {
  return {
    stdout: sent(),
    stderr: sent(),
    write: async () => undefined,
    endInput: () => undefined,
    resize: () => undefined,
    exitCode: Promise.resolve(0),
    [Symbol.asyncDispose]: async () => undefined,
    ...changes,
  };
}

const streams = (changes: Partial<RemoteStreams>): RemoteStreams => ({
  stdin: undefined,
  stdout: undefined,
  stderr: undefined,
  resize: undefined,
  gone: new AbortController().signal,
  finish: async () => undefined,
  ...changes,
});

test('a terminal takes the sizes that it can have, and one that has ended none', async () => {
  const sizes: object[] = [];
  const read = Promise.withResolvers<void>();
  const resize = (async function* () {
    yield* sent('{"Width":80,"Height":24}', '{"Width":1e999,"Height":1}', '{"Width":1.5,"Height":9}');
    yield* sent('{"Width":70000,"Height":24}', '{"Width":90,"Height":30}');
    read.resolve();
  })();
  const open = session({
    resize: (size) => {
      sizes.push(size);
      throw new Error('ioctl(2) failed, EBADF');
    },
    exitCode: read.promise.then(() => 3),
  });
  const told: object[] = [];
  await runRemote(async () => open, streams({ resize, finish: async (status) => void told.push(status) }));
  expect(sizes).toEqual([
    { columns: 80, rows: 24 },
    { columns: 90, rows: 30 },
  ]);
  expect(told).toMatchObject([{ details: { causes: [{ message: '3' }] } }]);
});

test('a client that goes while it is told of a failure harms nobody', async () => {
  const finish = () => Promise.reject(new Error('gone'));
  await runRemote(() => Promise.reject(new Error('no such container')), streams({ finish }));
  await runRemote(async () => session({}), streams({ finish }));
});
