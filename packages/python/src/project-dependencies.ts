import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Draft, lineAt } from './draft.ts';
import { requirementLine } from './pep508.ts';
import { readPyproject } from './pyproject.ts';
import { readConfined } from './requirements-file.ts';
import { parseToml } from './toml.ts';
import type { LocalProject } from './types.ts';

/**
 * Reads what the directories need that are asked for as packages (`-e .`), as an installer would: their
 * `pyproject.toml`, else `install_requires` of `setup.cfg` or `setup.py` where it is written out there.
 * @param from the file that is read already
 */
export async function readProjectDependencies(draft: Draft, from: string): Promise<void> {
  const seen = new Set<string>();
  // What is read may name more directories.
  for (let index = 0; index < draft.projects.length; index++) {
    const project = draft.projects[index]!;
    if (seen.has(project.path)) continue;
    seen.add(project.path);
    await readProject(draft, project, from);
  }
}

async function readProject(draft: Draft, { path, extras }: LocalProject, from: string): Promise<void> {
  const pyproject = join(path, 'pyproject.toml');
  if (pyproject !== from && (await isThere(draft, pyproject))) {
    const root = parseToml(await readConfined(draft.directory, pyproject), pyproject);
    const tool = root.tool as { poetry?: object } | undefined;
    if (root.project !== undefined || (tool?.poetry && 'dependencies' in tool.poetry))
      return readPyproject(draft, pyproject, extras);
  }
  for (const [name, read] of [
    ['setup.cfg', ofSetupCfg],
    ['setup.py', ofSetupPy],
  ] as const) {
    const file = join(path, name);
    if (!(await isThere(draft, file))) continue;
    const text = await readConfined(draft.directory, file);
    draft.files.push(file);
    for (const { requirement, at } of read(text))
      draft.lines.push(requirementLine(requirement, { file, line: lineAt(text, at) }));
  }
}

const isThere = async (draft: Draft, file: string) =>
  (await stat(join(draft.directory, file)).catch(() => undefined))?.isFile() ?? false;

interface Found {
  readonly requirement: string;
  readonly at: number;
}

/** The indented lines of `install_requires =` below `[options]`. */
function ofSetupCfg(text: string): Found[] {
  const options = /^\[options\][ \t]*$/m.exec(text);
  const rest = options ? text.slice(options.index + options[0].length) : '';
  const section = rest.split(/^\[/m)[0] ?? '';
  const list = /^install_requires[ \t]*=(.*(?:\n[ \t]+.*|\n[ \t]*(?=\n))*)/m.exec(section);
  if (!options || !list) return [];
  const start = options.index + options[0].length + list.index + list[0].length - list[1]!.length;
  return [...list[1]!.matchAll(/^[ \t]*([^\s#;][^\n#]*)/gm)].map((match) => ({
    requirement: match[1]!.trim(),
    at: start + match.index,
  }));
}

/** `install_requires=[...]` of texts alone; what a program would put together is not known without running it. */
function ofSetupPy(text: string): Found[] {
  const list = /\binstall_requires\s*=\s*\[((?:\s*(?:"[^"\n]*"|'[^'\n]*')\s*,?|\s*#[^\n]*)*)\s*\]/.exec(text);
  if (!list) return [];
  const start = list.index + list[0].indexOf('[') + 1;
  return [...list[1]!.matchAll(/#[^\n]*|"([^"\n]*)"|'([^'\n]*)'/g)].flatMap((match) => {
    const requirement = match[1] ?? match[2];
    return requirement ? [{ requirement, at: start + match.index }] : [];
  });
}
