import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readRequirements } from './index.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-python-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function put(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
}

async function read(file = 'requirements.txt'): Promise<string[]> {
  const { lines } = await readRequirements(directory, file);
  return lines.map(({ requirement, source }) => `${requirement} ${source.file}:${source.line}`);
}

it('asks for what a directory needs that is asked for as a package', async () => {
  await put({
    'requirements.txt': '-e .[train]\nsix\n',
    'pyproject.toml': `[project]
name = "ours"
dependencies = ["numpy>1"]
[project.optional-dependencies]
train = ["ours[plots]", "joblib"]
plots = ["matplotlib"]
tests = ["pytest"]
`,
  });
  expect(await read()).toEqual([
    'six requirements.txt:2',
    'numpy>1 pyproject.toml:3',
    'joblib pyproject.toml:5',
    'matplotlib pyproject.toml:6',
  ]);
});

it('says which optional group there is not', async () => {
  await put({ 'requirements.txt': '-e .[nope]\n', 'pyproject.toml': '[project]\nname = "ours"\n' });
  await expect(read()).rejects.toThrow(/no group "nope"/);
});

it('reads setup.cfg and setup.py where nothing must run for it', async () => {
  await put({
    'requirements.txt': './a\n./b\n./c\n',
    'a/setup.cfg':
      '[metadata]\nname = a\n[options]\ninstall_requires =\n    numpy>=1.20\n    # why\n    joblib\n[options.extras_require]\nx = y\n',
    'b/setup.py':
      "from setuptools import setup\nsetup(name='b', install_requires=[\n  'six',  # old\n  \"idna>=2\",\n])\n",
    'c/setup.py': "setup(name='c', install_requires=open('requirements.txt').readlines())\n",
  });
  expect(await read()).toEqual([
    'numpy>=1.20 a/setup.cfg:5',
    'joblib a/setup.cfg:7',
    'six b/setup.py:3',
    'idna>=2 b/setup.py:4',
  ]);
});

it('reads the files that setuptools takes dependencies from', async () => {
  await put({
    'pyproject.toml':
      '[project]\nname = "ours"\ndynamic = ["dependencies"]\n[tool.setuptools.dynamic]\ndependencies = { file = ["req/base.txt"] }\n',
    'req/base.txt': 'numpy\n',
  });
  expect(await read('pyproject.toml')).toEqual(['numpy req/base.txt:1']);
});

it("takes a directory of the repository among poetry's dependencies", async () => {
  await put({
    'pyproject.toml':
      '[tool.poetry.dependencies]\npython = "^3.9"\nlib = { path = "libs/lib", develop = true }\n',
    'libs/lib/pyproject.toml': '[project]\nname = "lib"\ndependencies = ["six"]\n',
  });
  expect(await read('pyproject.toml')).toEqual(['six libs/lib/pyproject.toml:3']);
  expect((await readRequirements(directory, 'pyproject.toml')).projects[0]?.importRoot).toBe('libs/lib');
});
