import { expect, it } from 'vitest';
import { requirementFiles } from './requirement-files.ts';

const files: Record<string, string> = {
  'ml/requirements.txt': '-r req/base.txt\n-creq/limits.txt\n-e ./lib\n--find-links=wheels\nnumpy\n',
  'ml/req/base.txt': 'six\n-r more.in\n',
  'ml/req/more.in': 'idna\n',
  'ml/req/limits.txt': 'six<2\n',
  'ml/lib/thing/__init__.py': '',
  'ml/lib/thing/other.py': '',
  'ml/wheels/ours-1-py3-none-any.whl': '',
  'ml/wheels/README.md': '',
  'ml/notes.txt': 'numpy\n',
  'ml/environment.yml': 'dependencies:\n  - pip:\n    - -r req/base.txt\n',
  'pyproject.toml': '[tool.setuptools.dynamic]\ndependencies = {file = ["ml/deps.txt"]}\n',
  'ml/deps.txt': '',
  'other/requirements.txt': 'x\n',
};
const of = (directory: string, file?: string) =>
  requirementFiles(Object.keys(files), { directory, file }, async (path) => files[path]!);

it('takes the file and what its words name, and no other texts of the repository', async () => {
  expect((await of('ml', 'requirements.txt')).sort()).toEqual([
    'ml/deps.txt',
    'ml/lib/thing/__init__.py',
    'ml/req/base.txt',
    'ml/req/limits.txt',
    'ml/req/more.in',
    'ml/requirements.txt',
    'ml/wheels/ours-1-py3-none-any.whl',
    'pyproject.toml',
  ]);
});

it('takes each file that may be the one, where none is named', async () => {
  expect(await of('ml')).toEqual(expect.arrayContaining(['ml/requirements.txt', 'ml/environment.yml']));
  expect(await of('.')).toEqual(['pyproject.toml', 'ml/deps.txt']);
});
