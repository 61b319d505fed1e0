import { invalid, type Location } from '@tagboat/base';
import { type Draft, escaped, lineOfMatch } from './draft.ts';
import { requirementLine } from './pep508.ts';
import { readPoetry } from './poetry.ts';
import { readConfined } from './requirements-file.ts';
import { parseToml, type Table, tableAt } from './toml.ts';

/** Where the sections of a TOML file are, since the parser keeps no positions of values. */
export function tomlLocator(text: string, file: string) {
  return (section: string, pattern: RegExp): Location => {
    const header = text.search(new RegExp(String.raw`^\s*\[+\s*${escaped(section)}\s*\]+`, 'm'));
    return { file, line: lineOfMatch(text, pattern, Math.max(0, header)) };
  };
}

export type TomlLocator = ReturnType<typeof tomlLocator>;

function readProject(draft: Draft, project: Table, locate: TomlLocator): void {
  const dynamic = Array.isArray(project.dynamic) && project.dynamic.includes('dependencies');
  if (dynamic) {
    draft.problems.push({
      what: 'dependencies that are "dynamic": only running the build says what they are',
      source: locate('project', /^\s*dynamic\s*=/m),
    });
  }
  const list = project.dependencies ?? [];
  const start = locate('project', /^\s*dependencies\s*=/m);
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string'))
    throw invalid('expected project.dependencies to be a list of texts (PEP 621)', { location: start });
  for (const item of list as string[]) {
    const source = locate('project', new RegExp(`["']${escaped(item)}["']`));
    draft.lines.push(requirementLine(item, source));
  }
}

/**
 * Reads `pyproject.toml`: `[project]` (PEP 621), else `[tool.poetry.dependencies]`. Optional groups are left out: they
 * are for other uses of the project.
 */
export async function readPyproject(draft: Draft, file: string): Promise<void> {
  const text = await readConfined(draft.directory, file);
  draft.files.push(file);
  const root = parseToml(text, file);
  const locate = tomlLocator(text, file);
  const project = tableAt(root, 'project');
  const poetry = tableAt(root, 'tool', 'poetry');
  const requires = project['requires-python'];
  if (typeof requires === 'string')
    draft.pythonRequires = { specifier: requires, source: locate('project', /^\s*requires-python\s*=/m) };
  if (project.dependencies !== undefined || !('dependencies' in poetry)) {
    if (!('project' in root))
      throw invalid('found neither [project] nor [tool.poetry.dependencies]', {
        location: { file, line: 1 },
        hint: 'list what is needed under [project] as dependencies = ["numpy>=1.24"], or name another file',
      });
    readProject(draft, project, locate);
  } else readPoetry(draft, poetry, locate);
}
