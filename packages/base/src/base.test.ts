import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  canonicalJson,
  createLogger,
  delay,
  describeError,
  deterministicName,
  formatDuration,
  invalid,
  ManualClock,
  parseDigest,
  parseDuration,
  safeJoin,
  sha256,
  shortened,
  slug,
  writeFileAtomic,
} from './index.ts';

describe('names', () => {
  it('gives the same name for the same identity and another for another', () => {
    expect(deterministicName('Flaky Tests v1.0', ['repo', 'v1.0'])).toBe(
      deterministicName('Flaky Tests v1.0', ['repo', 'v1.0']),
    );
    expect(deterministicName('a', ['x', 'yz'])).not.toBe(deterministicName('a', ['xy', 'z']));
    expect(deterministicName('a'.repeat(200), ['x']).length).toBeLessThanOrEqual(63);
  });
  it('shortens only what is too long', () => {
    expect(shortened('short')).toBe('short');
    expect(shortened('x'.repeat(80))).toHaveLength(63);
  });
  it('makes slugs of anything', () =>
    expect([slug('v0.0.5.3'), slug('--'), slug('Ünï')]).toEqual(['v0-0-5-3', 'x', 'n']));
});

describe('digests', () => {
  it('refuses what is not one', () => expect(() => parseDigest('sha256:abc')).toThrow(/expected a digest/));
  it('hashes equal values equally', () => {
    expect(sha256(canonicalJson({ b: 1, a: { d: 1, c: 2 } }))).toBe(
      sha256(canonicalJson({ a: { c: 2, d: 1 }, b: 1 })),
    );
  });
});

describe('durations', () => {
  it('reads Go durations', () =>
    expect(['1h30m', '10s', '0', '500ms', '1.5s'].map(parseDuration)).toEqual([
      5_400_000, 10_000, 0, 500, 1500,
    ]));
  it('refuses other text', () => expect(() => parseDuration('10 minutes')).toThrow(/expected a duration/));
  it('formats for people', () =>
    expect([420, 3200, 125_000, 3_720_000].map(formatDuration)).toEqual(['420ms', '3.2s', '2m05s', '1h02m']));
});

describe('ManualClock', () => {
  it('runs alarms in order when advanced', async () => {
    const clock = new ManualClock();
    const seen: string[] = [];
    clock.after(20, () => seen.push('b'));
    clock.after(10, () => seen.push('a'));
    const waited = delay(clock, 15).then(() => seen.push('c'));
    clock.advance(30);
    await waited;
    expect(seen).toEqual(['a', 'b', 'c']);
  });
});

describe('files', () => {
  it('refuses paths that leave their root', () => {
    expect(safeJoin('/root/x', 'a/b')).toBe('/root/x/a/b');
    for (const path of ['../y', '/etc/passwd', 'a/../../y', 'a\0b'])
      expect(() => safeJoin('/root/x', path)).toThrow(/inside its directory/);
  });
  it('replaces a file as a whole', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'base-'));
    await writeFileAtomic(join(directory, 'deep/file'), 'one');
    await writeFileAtomic(join(directory, 'deep/file'), 'two');
    expect(await readFile(join(directory, 'deep/file'), 'utf8')).toBe('two');
    await rm(directory, { recursive: true });
  });
});

describe('errors and logs', () => {
  it('tells where and what to do, never a stack', () => {
    const error = invalid('expected a number', {
      location: { file: 'tagboat.yaml', line: 3, column: 7 },
      hint: 'write 1',
    });
    expect(describeError(error)).toBe('tagboat.yaml:3:7: expected a number (write 1)');
  });
  it('writes masked JSON lines', () => {
    const lines: string[] = [];
    const log = createLogger({
      write: (line) => lines.push(line),
      clock: new ManualClock(0),
      mask: (line) => line.replaceAll('hunter2', '***'),
    });
    log.with({ part: 'git' }).info('pushed', { token: 'hunter2' });
    expect(JSON.parse(lines[0]!)).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      level: 'info',
      message: 'pushed',
      part: 'git',
      token: '***',
    });
  });
});
