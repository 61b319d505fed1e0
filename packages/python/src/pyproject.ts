import { dirname, join } from 'node:path';
import { invalid, type Location } from '@tagboat/base';
import { type Draft, escaped, lineOfMatch } from './draft.ts';
import { extrasOf, normalizeName, parseRequirement, requirementLine } from './pep508.ts';
import { readPoetry } from './poetry.ts';
import { readConfined, readRequirementsFile } from './requirements-file.ts';
import { isTable, parseToml, type Table, tableAt } from './toml.ts';

/** Where the sections of a TOML file are, since the parser keeps no positions of values. */
export function tomlLocator(text: string, file: string) {
  return (section: string, pattern: RegExp): Location => {
    const header = text.search(new RegExp(String.raw`^\s*\[+\s*${escaped(section)}\s*\]+`, 'm'));
    return { file, line: lineOfMatch(text, pattern, Math.max(0, header)) };
  };
}

export type TomlLocator = ReturnType<typeof tomlLocator>;

interface Reading {
  readonly draft: Draft;
  readonly file: string;
  readonly root: Table;
  readonly locate: TomlLocator;
  /** Groups of optional dependencies that are asked for (`-e .[train]`). */
  readonly extras: readonly string[];
}

async function readProject(reading: Reading): Promise<void> {
  const { draft, root, locate, extras } = reading;
  const project = tableAt(root, 'project');
  if (Array.isArray(project.dynamic) && project.dynamic.includes('dependencies')) await readDynamic(reading);
  const start = locate('project', /^\s*dependencies\s*=/m);
  for (const item of texts(project.dependencies, 'project.dependencies', start)) {
    const source = locate('project', new RegExp(`["']${escaped(item)}["']`));
    draft.lines.push(requirementLine(item, source));
  }
  for (const item of optional(project, extras, locate('project.optional-dependencies', /=/)))
    draft.lines.push(
      requirementLine(item, locate('project.optional-dependencies', new RegExp(`["']${escaped(item)}["']`))),
    );
}

function texts(list: unknown, name: string, location: Location): string[] {
  if (list === undefined) return [];
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string'))
    throw invalid(`expected ${name} to be a list of texts (PEP 621)`, { location });
  return list;
}

/** What groups of optional dependencies hold; a group may name others by the project's own name (`self[train]`). */
function optional(project: Table, extras: readonly string[], location: Location): string[] {
  const groups = tableAt(project, 'optional-dependencies');
  const named = new Map(Object.entries(groups).map(([group, list]) => [normalizeName(group), list]));
  const own = normalizeName(String(project.name ?? ''));
  const left = extras.map(normalizeName);
  const seen = new Set<string>();
  const items: string[] = [];
  for (let group = left.shift(); group !== undefined; group = left.shift()) {
    if (seen.has(group)) continue;
    seen.add(group);
    if (!named.has(group))
      throw invalid(`there is no group "${group}" in project.optional-dependencies`, {
        location,
        hint: `there are ${[...named.keys()].join(', ') || 'none'}`,
      });
    for (const item of texts(named.get(group), `optional-dependencies.${group}`, location)) {
      const { name, extras: more } = parseRequirement(item, location);
      if (normalizeName(name) === own) left.push(...extrasOf(more).map(normalizeName));
      else items.push(item);
    }
  }
  return items;
}

/** Dependencies that setuptools reads from files of requirements; other builds must run to say what theirs are. */
async function readDynamic({ draft, file, root, locate }: Reading): Promise<void> {
  const { dependencies } = tableAt(root, 'tool', 'setuptools', 'dynamic');
  const named = isTable(dependencies) ? [dependencies.file].flat() : [];
  const source = locate('project', /^\s*dynamic\s*=/m);
  if (named.length === 0 || !named.every((name) => typeof name === 'string'))
    draft.problems.push({
      what: 'dependencies that are "dynamic": only running the build says what they are',
      source,
    });
  else
    for (const name of named) {
      const path = join(dirname(file), name);
      await readRequirementsFile({ draft, file: path, constraint: false, chain: [file, path] }, source);
    }
}

/**
 * Reads `pyproject.toml`: `[project]` (PEP 621), else `[tool.poetry.dependencies]`. Optional groups are left out where
 * they are not asked for: they are for other uses of the project.
 */
export async function readPyproject(
  draft: Draft,
  file: string,
  extras: readonly string[] = [],
): Promise<void> {
  const text = await readConfined(draft.directory, file);
  draft.files.push(file);
  const root = parseToml(text, file);
  const locate = tomlLocator(text, file);
  const project = tableAt(root, 'project');
  const poetry = tableAt(root, 'tool', 'poetry');
  const requires = project['requires-python'];
  if (typeof requires === 'string')
    draft.pythonRequires ??= { specifier: requires, source: locate('project', /^\s*requires-python\s*=/m) };
  if (project.dependencies !== undefined || !('dependencies' in poetry)) {
    if (!('project' in root))
      throw invalid('found neither [project] nor [tool.poetry.dependencies]', {
        location: { file, line: 1 },
        hint: 'list what is needed under [project] as dependencies = ["numpy>=1.24"], or name another file',
      });
    await readProject({ draft, file, root, locate, extras });
  } else await readPoetry(draft, poetry, locate);
}
