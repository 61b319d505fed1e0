import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { explainUv } from './explain.ts';
import { environmentKey, readRequirements, resolveInterpreter } from './index.ts';
import { parsePipConfig } from './index-settings.ts';
import { wheelFits } from './wheel-tags.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tagboat-python-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const put = (name: string, text: string) => writeFile(join(directory, name), text);

describe('readRequirements', () => {
  it('reads requirements with includes, where each stands', async () => {
    await put('requirements.txt', '# x\nnumpy==1.26 # y\n-r more.txt\n');
    await put('more.txt', 'Scikit_Learn>=1\n');
    const { lines, files } = await readRequirements(directory, 'requirements.txt');
    expect(lines.map(({ name, source }) => [name, source.file, source.line])).toEqual([
      ['numpy', 'requirements.txt', 2],
      ['scikit-learn', 'more.txt', 1],
    ]);
    expect([...files].sort()).toEqual(['more.txt', 'requirements.txt']);
  });
  it('leaves it to the installer which package a repository holds, where nobody says it', async () => {
    const url = 'git+https://git.example.com/team/py-ours.git@v1';
    await put('requirements.txt', `${url}\n-c limits.txt\nother @ ${url}\n${url}#egg=third\n`);
    await put('limits.txt', `${url}\n`);
    const { lines, constraints } = await readRequirements(directory, 'requirements.txt');
    expect(lines.map(({ requirement }) => requirement)).toEqual([url, `other @ ${url}`, `third @ ${url}`]);
    expect(constraints.map(({ requirement }) => requirement)).toEqual([`py-ours @ ${url}`]);
  });
  it('refuses to read outside its directory', async () => {
    await put('requirements.txt', '-r ../secret.txt\n');
    await expect(readRequirements(directory, 'requirements.txt')).rejects.toThrow(
      /requirements|outside|inside/,
    );
  });
  it('takes no second line, of an option or a file, for a part of a requirement', async () => {
    await put(
      'pyproject.toml',
      '[project]\nname = "a"\ndependencies = ["a ; os_name == \'x\'\\n-r /etc/passwd"]\n',
    );
    await expect(readRequirements(directory, 'pyproject.toml')).rejects.toThrow(/in one line/);
    await put(
      'Pipfile.lock',
      '{"default": {"a": {"version": "==1", "hashes": ["sha256:1\\n-r /etc/passwd"]}}}',
    );
    await expect(readRequirements(directory, 'Pipfile.lock')).rejects.toThrow(/expected a hash/);
  });
  it('reads pyproject, Pipfile and conda, and lists what pip cannot give', async () => {
    await put(
      'pyproject.toml',
      '[project]\nname = "a"\nrequires-python = ">=3.10"\ndependencies = ["numpy"]\n',
    );
    expect((await readRequirements(directory, 'pyproject.toml')).lines[0]?.name).toBe('numpy');
    await put('Pipfile', '[packages]\nrequests = "*"\n');
    expect((await readRequirements(directory, 'Pipfile')).lines[0]?.name).toBe('requests');
    await put(
      'environment.yml',
      'dependencies:\n  - python=3.11\n  - numpy=1.26\n  - cudatoolkit=11\n  - r-base\n  - pip:\n    - joblib\n',
    );
    await expect(readRequirements(directory, 'environment.yml')).rejects.toThrow(/cudatoolkit[\s\S]*r-base/);
  });
});

describe('pure parts', () => {
  it('finds this host a Python and keys environments by what they hold', async () => {
    const interpreter = await resolveInterpreter({ cacheDirectory: directory });
    expect(interpreter.version).toMatch(/^3\.\d+\.\d+/);
    expect(environmentKey('a==1\nb==2\n', interpreter)).toBe(environmentKey('# x\nb==2\na==1', interpreter));
    await expect(resolveInterpreter({ wanted: '==3.99.*' })).rejects.toMatchObject({
      hint: expect.stringContaining('3.99'),
    });
  });
  it('reads pip.conf and wheel tags', () => {
    expect(parsePipConfig('[global]\nindex-url = https://x/simple\n[other]\nindex-url = no\n')).toEqual({
      'index-url': 'https://x/simple',
    });
    const host = {
      path: '',
      version: '3.11.7',
      implementation: 'cpython',
      abi: '',
      platform: 'linux-x86_64',
      libc: 'glibc 2.36',
    };
    expect(wheelFits('a-1-cp311-cp311-manylinux_2_17_x86_64.whl', host)).toBe(true);
    expect(wheelFits('a-1-cp312-cp312-manylinux_2_17_x86_64.whl', host)).toBe(false);
    expect(wheelFits('a-1-py3-none-any.whl', host)).toBe(true);
  });
  it('names the package and the line when the index has none', () => {
    const source = { file: 'requirements.txt', line: 3 };
    const requirements = {
      directory: '',
      file: 'requirements.txt',
      lines: [{ requirement: 'nope', name: 'nope', hashes: [], source }],
      constraints: [],
      options: [],
      projects: [],
      files: [],
    };
    const error = explainUv(
      'error: No solution found when resolving dependencies\n  cause: Because nope was not found in the package registry and you require nope, unsatisfiable',
      requirements,
    );
    expect(error).toMatchObject({ reason: 'PackageNotFound', location: source });
  });
});
