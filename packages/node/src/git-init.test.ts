import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '@tagboat/process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gitInitScript } from './git-init.ts';

let directory: string;
const program = () => join(directory, 'git-init');

async function run(command: string, args: string[], cwd = directory): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, args, { cwd });
  expect(code, `${command} ${args.join(' ')}: ${stderr}`).toBe(0);
  return stdout.toString().trim();
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-git-init-'));
  await writeFile(program(), gitInitScript);
  await chmod(program(), 0o755);
  const source = join(directory, 'source');
  await mkdir(join(source, 'docs'), { recursive: true });
  await writeFile(join(source, 'README.md'), 'first');
  await writeFile(join(source, 'docs/page.md'), 'page');
  await run('git', ['init', '--quiet', '--initial-branch', 'trunk', '.'], source);
  const commit = async (message: string) => {
    await run('git', ['add', '.'], source);
    await run(
      'git',
      ['-c', 'user.name=a', '-c', 'user.email=a@b.c', 'commit', '--quiet', '-m', message],
      source,
    );
  };
  await commit('first');
  await run('git', ['tag', 'v1'], source);
  await writeFile(join(source, 'README.md'), 'second');
  await commit('second');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const flags = (path: string, more: string[] = []) => [
  `-url=file://${join(directory, 'source')}`,
  `-path=${join(directory, path)}`,
  '-sslVerify=true',
  '-submodules=true',
  '-depth=1',
  ...more,
];

test('the default branch, a tag, a commit of a refspec', async () => {
  expect(await run(program(), flags('a', ['-revision=', '-refspec=']))).toContain('Successfully cloned');
  expect(await readFile(join(directory, 'a/README.md'), 'utf8')).toBe('second');
  await run(program(), flags('b', ['-revision=v1']));
  expect(await readFile(join(directory, 'b/README.md'), 'utf8')).toBe('first');
  const refspec = 'refs/heads/trunk:refs/heads/trunk';
  await run(program(), flags('c', ['--revision', 'trunk', `-refspec=${refspec}`]));
  expect(await run('git', ['rev-parse', '--abbrev-ref', 'HEAD'], join(directory, 'c'))).toBe('trunk');
});

test('some directories only', async () => {
  await run(program(), flags('d', ['-sparseCheckoutDirectories=docs']));
  expect((await readdir(join(directory, 'd'))).filter((name) => name !== '.git')).toEqual(['docs']);
});

test('a flag that it does not have is named', async () => {
  const { code, stderr } = await runCommand(program(), ['-what=x'], { cwd: directory });
  expect([code, stderr.toString()]).toEqual([2, 'git-init: flag provided but not defined: -what\n']);
});
