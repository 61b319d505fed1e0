import { invalid, type Location } from '@tagboat/base';
import { type Draft, escaped, lineAt, lineOfMatch } from './draft.ts';
import { addLocalProject } from './local-project.ts';
import { formatRequirement, requirementLine } from './pep508.ts';
import { type TomlLocator, tomlLocator } from './pyproject.ts';
import { readConfined } from './requirements-file.ts';
import { isTable, parseToml, type Table, tableAt } from './toml.ts';

const markerKeys = [
  'os_name',
  'sys_platform',
  'platform_machine',
  'platform_python_implementation',
  'platform_release',
  'platform_system',
  'platform_version',
  'python_version',
  'python_full_version',
  'implementation_name',
  'implementation_version',
];

function markerOf(entry: Table): string {
  const parts = typeof entry.markers === 'string' ? [entry.markers] : [];
  for (const key of markerKeys)
    if (typeof entry[key] === 'string')
      parts.push(`${key} ${/^[<>=!~]/.test(entry[key]) ? '' : '== '}${entry[key]}`);
  return parts.length > 1 ? parts.map((part) => `(${part})`).join(' and ') : (parts[0] ?? '');
}

function specifierOf(entry: Table): string {
  if (typeof entry.git === 'string') {
    const url = entry.git.replace(/^git@([^:]+):/, 'ssh://git@$1/');
    const subdirectory = entry.subdirectory ? `#subdirectory=${entry.subdirectory}` : '';
    return `@ ${url.startsWith('git+') ? '' : 'git+'}${url}${entry.ref ? `@${entry.ref}` : ''}${subdirectory}`;
  }
  if (typeof entry.file === 'string') return `@ ${entry.file}`;
  const version = String(entry.version ?? '*');
  return version === '*' ? '' : /^\d/.test(version) ? `==${version}` : version;
}

async function readEntry(draft: Draft, name: string, value: unknown, source: Location): Promise<void> {
  const entry = isTable(value) ? value : { version: value };
  if (typeof entry.path === 'string') return addLocalProject(draft, entry.path, source);
  if (typeof entry.file === 'string' && !/^https?:/.test(entry.file))
    return addLocalProject(draft, entry.file, source);
  const extras = Array.isArray(entry.extras) && entry.extras.length > 0 ? `[${entry.extras.join(',')}]` : '';
  const text = formatRequirement({ name, extras, specifier: specifierOf(entry), marker: markerOf(entry) });
  const hashes = Array.isArray(entry.hashes) ? entry.hashes.map(String) : [];
  draft.lines.push(requirementLine(text, source, hashes));
}

function readSources(draft: Draft, sources: unknown, source: Location): void {
  if (!Array.isArray(sources)) return;
  for (const [index, item] of sources.filter(isTable).entries()) {
    if (typeof item.url !== 'string') continue;
    // The usual entry for PyPI says nothing, and must not override the machine's own mirror.
    if (/^https:\/\/pypi\.(org|python\.org)\/simple\/?$/.test(item.url)) continue;
    draft.options.push({ name: index === 0 ? 'index-url' : 'extra-index-url', value: item.url, source });
    if (item.verify_ssl === false)
      draft.options.push({ name: 'trusted-host', value: hostOf(item.url), source });
  }
}

function hostOf(url: string): string {
  return /^[a-z]+:\/\/(?:[^@/]*@)?([^/]+)/i.exec(url)?.[1] ?? url;
}

function readPython(draft: Draft, requires: Table, source: Location): void {
  const version = requires.python_full_version ?? requires.python_version;
  if (version !== undefined && version !== '*') draft.pythonRequires = { specifier: String(version), source };
}

/** Reads a `Pipfile`: `[packages]`, `[[source]]`, `[requires]`. Development packages are left out. */
export async function readPipfile(draft: Draft, file: string): Promise<void> {
  const text = await readConfined(draft.directory, file);
  draft.files.push(file);
  const root = parseToml(text, file);
  const locate: TomlLocator = tomlLocator(text, file);
  readPython(draft, tableAt(root, 'requires'), locate('requires', /^\s*python_(full_)?version\s*=/m));
  readSources(draft, root.source, locate('source', /^\s*url\s*=/m));
  if (root.pipenv && isTable(root.pipenv) && root.pipenv.allow_prereleases === true)
    draft.options.push({ name: 'pre', value: '', source: locate('pipenv', /^\s*allow_prereleases/m) });
  for (const [name, value] of Object.entries(tableAt(root, 'packages'))) {
    const key = new RegExp(
      String.raw`^\s*["']?${escaped(name)}["']?\s*=|^\s*\[packages\.["']?${escaped(name)}`,
      'm',
    );
    await readEntry(draft, name, value, locate('packages', key));
  }
}

/** Reads a `Pipfile.lock`: exact versions and hashes of `default`. */
export async function readPipfileLock(draft: Draft, file: string): Promise<void> {
  const text = await readConfined(draft.directory, file);
  draft.files.push(file);
  const root = parseLock(text, file);
  const meta = tableAt(root, '_meta');
  const at = (pattern: RegExp, from = 0) => ({ file, line: lineOfMatch(text, pattern, from) });
  readPython(draft, tableAt(meta, 'requires'), at(/"python_(full_)?version"/));
  readSources(draft, meta.sources, at(/"sources"/));
  const start = Math.max(0, text.search(/^\s*"default"\s*:/m));
  for (const [name, value] of Object.entries(tableAt(root, 'default')))
    await readEntry(draft, name, value, at(new RegExp(`"${escaped(name)}"\\s*:\\s*\\{`), start));
}

function parseLock(text: string, file: string): Table {
  try {
    const root: unknown = JSON.parse(text);
    if (isTable(root) && isTable(root.default)) return root;
  } catch (error) {
    const offset = Number(/position (\d+)/.exec((error as Error).message)?.[1] ?? 0);
    throw invalid('expected JSON as pipenv writes it', {
      location: { file, line: lineAt(text, offset) },
      hint: 'make the file again with "pipenv lock"',
      cause: error,
    });
  }
  throw invalid('expected an object with "default"', {
    location: { file, line: 1 },
    hint: 'make the file again with "pipenv lock"',
  });
}
