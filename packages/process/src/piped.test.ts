import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { closeDescriptor, namedPipes, startPiped } from './index.ts';
import { spawner } from './spawner.ts';

afterAll(() => spawner[Symbol.dispose]());

const sh = (script: string, descriptors: readonly ('in' | 'out')[]) =>
  startPiped({ file: '/bin/sh', args: ['-c', script], env: { PATH: process.env.PATH }, descriptors });

describe.each(['from the small process', 'from here'])('a program with pipes, %s', (place) => {
  const choose = () => {
    if (place === 'from the small process') return;
    vi.spyOn(namedPipes, 'take').mockResolvedValue(undefined);
    vi.spyOn(namedPipes, 'takeInput').mockResolvedValue(undefined);
  };
  afterEach(() => vi.restoreAllMocks());

  it('reads and writes by each of its descriptors, however much', async () => {
    choose();
    const all = Buffer.alloc(3_000_000, 'some words\n');
    const { pipes, ended } = await sh('cat; cat <&3 >&4; exit 7', ['in', 'out', 'out', 'in', 'out']);
    pipes[0]!.end(all);
    pipes[3]!.end('more');
    const [main, other] = await Promise.all([buffer(pipes[1]!), text(pipes[4]!)]);
    expect(main.equals(all)).toBe(true);
    expect(other).toBe('more');
    expect(await ended).toEqual({ code: 7, signal: null });
  });

  it('waits for nobody to read what nobody reads', async () => {
    choose();
    const { pipes, ended } = await sh('echo a; echo b >&2', ['in', 'out', 'out']);
    pipes[0]!.end();
    const reader = new PassThrough();
    pipes[1]!.pipe(reader);
    reader.destroy();
    expect(await ended).toEqual({ code: 0, signal: null });
  });

  it('ends though its reader goes away when it has ended', async () => {
    choose();
    const script = 'dd if=/dev/zero bs=120000 count=1 2>/dev/null';
    const { pipes, ended } = await sh(script, ['in', 'out', 'out']);
    // What is left is read from then on.
    pipes[1]!.once('resume', () => {
      const reader = new PassThrough();
      pipes[1]!.pipe(reader);
      reader.destroy();
    });
    expect(await ended).toEqual({ code: 0, signal: null });
  });

  it('is ended by a signal, with what it started', async () => {
    choose();
    const started = await sh('sleep 600 & echo up; wait', ['in', 'out']);
    started.pipes[1]!.once('data', () => started.signal('SIGTERM'));
    expect(await started.ended).toEqual({ code: null, signal: 'SIGTERM' });
    started.signal('SIGTERM');
  });

  it('says when there is no such directory or program', async () => {
    choose();
    const none = startPiped({ file: '/no/such', args: [], env: {}, descriptors: ['in', 'out'] });
    // The host's setpriv is there, and says itself that the program is not.
    const code = await none.then(({ ended }) => ended.then((end) => end.code)).catch(() => 127);
    expect(code).toBe(127);
  });
});

it('makes pipes again when somebody removed their directory', async () => {
  closeDescriptor(await namedPipes.take());
  for (const name of await readdir(tmpdir()))
    if (name.startsWith(`tagboat-pipes-${process.pid}-`)) await rm(join(tmpdir(), name), { recursive: true });
  const pipe = await namedPipes.take();
  if (process.platform === 'linux') expect(pipe).toBeDefined();
  closeDescriptor(pipe);
});
