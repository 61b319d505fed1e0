import type { Location } from '@tagboat/base';
import type { Draft } from './draft.ts';
import { escaped } from './draft.ts';
import { addLocalProject } from './local-project.ts';
import { formatRequirement, requirementLine } from './pep508.ts';
import type { TomlLocator } from './pyproject.ts';
import { isTable, type Table, tableAt } from './toml.ts';

function nextAfter(numbers: readonly number[], index: number): string {
  const next = numbers.slice(0, index + 1);
  next[index] = (next[index] ?? 0) + 1;
  return next.join('.');
}

function caret(version: string): string {
  const numbers = version.split('.').map(Number);
  const significant = numbers.findIndex((number) => number !== 0);
  return `>=${version},<${nextAfter(numbers, significant < 0 ? numbers.length - 1 : significant)}`;
}

function tilde(version: string): string {
  const numbers = version.split('.').map(Number);
  return `>=${version},<${nextAfter(numbers, Math.min(1, numbers.length - 1))}`;
}

/**
 * A version constraint of poetry as PEP 440 specifiers: `^1.2` is `>=1.2,<2`, `~1.2` is `>=1.2,<1.3`, `1.2` is `==1.2`.
 * Undefined for what PEP 440 cannot say (`||`).
 */
export function poetryConstraint(constraint: string): string | undefined {
  if (constraint.includes('|')) return undefined;
  const parts: string[] = [];
  for (const part of constraint.split(/\s*,\s*|(?<=[\d*])\s+(?=[<>=!~^])/)) {
    const text = part.trim();
    const version = /^(?:\^|~(?!=))\s*(\d+(?:\.\d+)*)$/.exec(text)?.[1];
    if (text === '' || text === '*') continue;
    if (version) parts.push(text.startsWith('^') ? caret(version) : tilde(version));
    else if (/^(===?|~=|!=|<=|>=|<|>)\s*[\w.+!*]+$/.test(text)) parts.push(text.replace(/\s+/g, ''));
    else if (/^=?\s*\d[\w.+!*]*$/.test(text)) parts.push(`==${text.replace(/^=\s*/, '')}`);
    else return undefined;
  }
  return parts.join(',');
}

/** Python constraints as a marker: `>=3.9,<4.0` gives `python_version >= "3.9" and python_version < "4.0"`. */
function pythonMarker(specifiers: string): string {
  return specifiers
    .split(',')
    .map((part) => /^(\D+)(.*)$/.exec(part))
    .filter((match) => match !== null)
    .map((match) => {
      const variable =
        match[2]!.split('.').length > 2 && !match[2]!.endsWith('*')
          ? 'python_full_version'
          : 'python_version';
      return `${variable} ${match[1]} "${match[2]!.replace(/\.\*$/, '')}"`;
    })
    .join(' and ');
}

function gitReference(table: Table): string {
  const reference = table.rev ?? table.tag ?? table.branch;
  const subdirectory = table.subdirectory ? `#subdirectory=${table.subdirectory}` : '';
  const url = String(table.git).replace(/^git@([^:]+):/, 'ssh://git@$1/');
  return `@ git+${url}${reference ? `@${reference}` : ''}${subdirectory}`;
}

/** The specifier of one entry, or what about it pip cannot give. */
function specifierOf(name: string, table: Table): { specifier: string } | { problem: string } {
  if (table.source !== undefined)
    return {
      problem: `${name} from the source "${table.source}" alone: pip cannot tie a package to one index`,
    };
  if (table.git !== undefined) return { specifier: gitReference(table) };
  if (table.url !== undefined) return { specifier: `@ ${table.url}` };
  const specifier = poetryConstraint(String(table.version ?? '*'));
  return specifier === undefined
    ? { problem: `${name} ${table.version}: alternatives ("||") cannot be said to pip` }
    : { specifier };
}

function markerOf(table: Table): string | undefined {
  const parts: string[] = [];
  if (typeof table.markers === 'string') parts.push(`(${table.markers})`);
  if (typeof table.platform === 'string') parts.push(`sys_platform == "${table.platform}"`);
  if (typeof table.python === 'string') {
    const specifier = poetryConstraint(table.python);
    if (specifier === undefined) return undefined;
    if (specifier !== '') parts.push(pythonMarker(specifier));
  }
  return parts.join(' and ');
}

async function readDependency(draft: Draft, name: string, value: unknown, source: Location): Promise<void> {
  const table = isTable(value) ? value : { version: value };
  if (table.optional === true) return;
  if (typeof table.path === 'string') return addLocalProject(draft, table.path, source);
  const found = specifierOf(name, table);
  const marker = markerOf(table);
  if ('problem' in found) draft.problems.push({ what: found.problem, source });
  else if (marker === undefined)
    draft.problems.push({
      what: `${name} for the Pythons "${table.python}": alternatives cannot be said to pip`,
      source,
    });
  else {
    const extras =
      Array.isArray(table.extras) && table.extras.length > 0 ? `[${table.extras.join(',')}]` : '';
    const text = formatRequirement({ name, extras, specifier: found.specifier, marker });
    draft.lines.push(requirementLine(text, source));
  }
}

/** Reads `[tool.poetry.dependencies]`; what pip cannot give is noted as a problem of the draft. */
export async function readPoetry(draft: Draft, poetry: Table, locate: TomlLocator): Promise<void> {
  const section = 'tool.poetry.dependencies';
  for (const [name, value] of Object.entries(tableAt(poetry, 'dependencies'))) {
    const source = locate(section, new RegExp(String.raw`^\s*["']?${escaped(name)}["']?\s*=`, 'm'));
    if (name.toLowerCase() !== 'python') {
      for (const one of Array.isArray(value) ? value : [value])
        await readDependency(draft, name, one, source);
      continue;
    }
    const specifier = poetryConstraint(String(isTable(value) ? value.version : value));
    if (specifier === undefined)
      draft.problems.push({ what: `Python "${value}": alternatives ("||") cannot be said to pip`, source });
    else draft.pythonRequires ??= { specifier, source };
  }
}
