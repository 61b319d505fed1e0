import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readCondaEnvironment } from './conda.ts';
import { type Draft, emptyDraft, finishDraft } from './draft.ts';
import { readPipfile, readPipfileLock } from './pipfile.ts';
import { readProjectDependencies } from './project-dependencies.ts';
import { readPyproject } from './pyproject.ts';
import { readRequirementsFile } from './requirements-file.ts';
import type { Requirements } from './types.ts';

const candidates = [
  'requirements.txt',
  'Pipfile.lock',
  'Pipfile',
  'environment.yml',
  'environment.yaml',
  'pyproject.toml',
];

/**
 * The name of the file in a directory that says what it needs, or undefined. A `pyproject.toml` counts only when it
 * lists dependencies: many hold nothing but settings of tools.
 */
export async function findRequirementsFile(directory: string): Promise<string | undefined> {
  for (const file of candidates) {
    const path = join(directory, file);
    if (!(await stat(path).catch(() => undefined))?.isFile()) continue;
    if (file !== 'pyproject.toml') return file;
    if (/^\s*(dependencies\s*=|\[tool\.poetry\.dependencies\])/m.test(await readFile(path, 'utf8')))
      return file;
  }
  return undefined;
}

function readerOf(file: string): (draft: Draft, file: string) => Promise<void> {
  const name = basename(file);
  if (name === 'Pipfile') return readPipfile;
  if (/\.lock$/.test(name) && name.startsWith('Pipfile')) return readPipfileLock;
  if (/\.toml$/.test(name)) return readPyproject;
  if (/\.ya?ml$/.test(name)) return readCondaEnvironment;
  return (draft, path) =>
    readRequirementsFile({ draft, file: path, constraint: false, chain: [path] }, undefined);
}

/**
 * Reads what a project asks for: a requirements file of pip with what it includes, `pyproject.toml`, `Pipfile`,
 * `Pipfile.lock` or conda's `environment.yml`, told apart by name. `file` is relative to `directory`, and nothing
 * outside the directory is read. Nothing is started and the network is not used.
 * @throws `Invalid` with file and line; one error for all that pip cannot give.
 */
export async function readRequirements(directory: string, file: string): Promise<Requirements> {
  const draft = emptyDraft(directory);
  await readerOf(file)(draft, file);
  await readProjectDependencies(draft, file);
  return finishDraft(draft, file);
}
