import { createHash } from 'node:crypto';
import { invalid } from '@tagboat/base';
import { type Cell, hasTag, type Notebook, sourceOf } from './notebook-file.ts';

/**
 * A notebook with parameters, as papermill makes it: a cell tagged `injected-parameters` after the one tagged
 * `parameters`, in place of an earlier injected one, or first where there is neither.
 */
export function injectParameters(
  notebook: Notebook,
  parameters: Readonly<Record<string, unknown>>,
): Notebook {
  const names = Object.keys(parameters);
  if (names.length === 0) return notebook;
  const language = languageOf(notebook);
  const lines = names.map((name) => assignment(language, name, parameters[name]));
  const comment =
    language === 'julia' || language === 'python' || language === 'r' || language === 'bash'
      ? '# Parameters'
      : '// Parameters';
  const cell: Cell = {
    cell_type: 'code',
    metadata: { tags: ['injected-parameters'] },
    execution_count: null,
    outputs: [],
    source: `${comment}\n${lines.join('\n')}\n`,
    ...(notebook.nbformat_minor >= 5
      ? { id: createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 8) }
      : {}),
  };
  const cells = [...notebook.cells];
  const injected = cells.findIndex((candidate) => hasTag(candidate, 'injected-parameters'));
  const declared = cells.findIndex((candidate) => hasTag(candidate, 'parameters'));
  if (injected >= 0) cells.splice(injected, 1, cell);
  else cells.splice(declared + 1, 0, cell);
  return { ...notebook, cells };
}

/** A notebook without the cells that papermill adds about an earlier failure. */
export function withoutErrorMarkers(notebook: Notebook): Notebook {
  const marker = (cell: Cell) =>
    hasTag(cell, 'papermill-error-cell-tag') || cell.metadata.papermill_error === true;
  return { ...notebook, cells: notebook.cells.filter((cell) => !marker(cell)) };
}

/** The language of a notebook's code, in small letters. */
export function languageOf(notebook: Notebook): string {
  const { kernelspec, language_info: info } = notebook.metadata;
  return (kernelspec?.language ?? info?.name ?? 'python').toLowerCase();
}

/** Names assigned in the `parameters` cell; undefined where there is no such cell, or its language is not known. */
export function declaredParameters(notebook: Notebook): string[] | undefined {
  const cell = notebook.cells.find((candidate) => hasTag(candidate, 'parameters'));
  if (!cell) return undefined;
  return [...sourceOf(cell).matchAll(/^([A-Za-z_][\w.]*)\s*(?::[^=\n]+)?(?:=|<-)(?!=)/gm)].map(
    (match) => match[1]!,
  );
}

function assignment(language: string, name: string, value: unknown): string {
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw invalid(`"${name}" is not a name that a notebook can have as a parameter`);
  switch (language) {
    case 'python':
      return `${name} = ${python(value)}`;
    case 'r':
      return `${name} = ${r(value)}`;
    case 'julia':
      return `${name} = ${julia(value)}`;
    case 'bash':
      return `${name}=${bash(value)}`;
    default:
      throw invalid(`parameters cannot be given to a notebook in ${language}`, {
        hint: 'Python, R, Julia and Bash take parameters',
      });
  }
}

const escapes: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '"': '\\"',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

const quoted = (text: string) =>
  `"${text.replace(/["\\]|\p{Cc}/gu, (letter) => escapes[letter] ?? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

function python(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return "float('nan')";
    return Number.isFinite(value) ? String(value) : `float('${value < 0 ? '-' : ''}inf')`;
  }
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (typeof value === 'object')
    return `{${Object.entries(value)
      .map(([key, item]) => `${quoted(key)}: ${python(item)}`)
      .join(', ')}}`;
  return quoted(String(value));
}

function r(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'boolean') return value ? 'TRUE' : 'FALSE';
  if (typeof value === 'number')
    return Number.isNaN(value) ? 'NaN' : Number.isFinite(value) ? String(value) : value < 0 ? '-Inf' : 'Inf';
  if (Array.isArray(value)) return `list(${value.map(r).join(', ')})`;
  if (typeof value === 'object')
    return `list(${Object.entries(value)
      .map(([key, item]) => `${quoted(key)} = ${r(item)}`)
      .join(', ')})`;
  return quoted(String(value));
}

function julia(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number')
    return Number.isNaN(value) ? 'NaN' : Number.isFinite(value) ? String(value) : value < 0 ? '-Inf' : 'Inf';
  if (Array.isArray(value)) return `[${value.map(julia).join(', ')}]`;
  if (typeof value === 'object')
    return `Dict(${Object.entries(value)
      .map(([key, item]) => `${quoted(key)} => ${julia(item)}`)
      .join(', ')})`;
  return quoted(String(value)).replaceAll('$', '\\$');
}

function bash(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'object') return `'${JSON.stringify(value).replaceAll("'", `'\\''`)}'`;
  if (typeof value === 'string') return `'${value.replaceAll("'", `'\\''`)}'`;
  return String(value);
}
