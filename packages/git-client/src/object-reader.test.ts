import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ObjectReader } from './object-reader.ts';

let repository: string;
const git = (...words: string[]) => execFileSync('git', words, { cwd: repository, encoding: 'utf8' }).trim();

beforeAll(() => {
  repository = mkdtempSync(join(tmpdir(), 'tagboat-objects-'));
  git('init', '--quiet');
  writeFileSync(join(repository, 'small'), 'one\ntwo');
  writeFileSync(join(repository, 'empty'), '');
  writeFileSync(join(repository, 'large'), Buffer.alloc(3_000_000, 'abc\n'));
  git('add', '.');
  git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--quiet', '-m', 'files');
});
afterAll(() => rmSync(repository, { recursive: true, force: true }));

it('reads what is asked at once and later, in order, whatever is not there', async () => {
  const reader = new ObjectReader(repository);
  const names = ['HEAD:large', 'HEAD:nothing', 'HEAD:empty', 'HEAD:small', 'HEAD:two\nlines', 'HEAD'];
  const [large, nothing, empty, small, lines, commit] = await Promise.all(
    names.map((name) => reader.read(name)),
  );
  expect(large?.content.equals(Buffer.alloc(3_000_000, 'abc\n'))).toBe(true);
  expect([nothing, lines]).toEqual([undefined, undefined]);
  expect(empty?.content.length).toBe(0);
  expect(small?.content.toString()).toBe('one\ntwo');
  expect(commit).toMatchObject({ id: git('rev-parse', 'HEAD'), type: 'commit' });
  expect((await reader.read('HEAD:small'))?.id).toBe(git('rev-parse', 'HEAD:small'));
});

it('has nothing where there is no repository', async () => {
  expect(await new ObjectReader(join(repository, 'none')).read('HEAD')).toBeUndefined();
  expect(await new ObjectReader(tmpdir()).read('HEAD')).toBeUndefined();
});

it('asks another git where one that nobody asked was let go', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const reader = new ObjectReader(repository);
    expect((await reader.read('HEAD:small'))?.type).toBe('blob');
    vi.advanceTimersByTime(5000);
    expect((await reader.read('HEAD:small'))?.type).toBe('blob');
  } finally {
    vi.useRealTimers();
  }
});

it('does not say that nothing is there where git died', async () => {
  const programs = join(repository, 'programs');
  mkdirSync(programs);
  writeFileSync(join(programs, 'git'), '#!/bin/sh\nkill -9 $$\n', { mode: 0o755 });
  vi.stubEnv('PATH', `${programs}:${process.env.PATH}`);
  try {
    await expect(new ObjectReader(repository).read('HEAD')).rejects.toMatchObject({ reason: 'GitFailed' });
  } finally {
    vi.unstubAllEnvs();
  }
});

it('keeps no process from ending', () => {
  const program = `
    const { ObjectReader } = await import(${JSON.stringify(new URL('./object-reader.ts', import.meta.url).href)});
    const reader = new ObjectReader(${JSON.stringify(repository)});
    console.log((await reader.read('HEAD:small')).content.length);
  `;
  const options = { encoding: 'utf8', timeout: 20_000 } as const;
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', program], options).trim()).toBe('7');
});
