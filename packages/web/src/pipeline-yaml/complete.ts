import { pipelineOf } from './document.ts';
import { type Schema, schemaAt, schemas } from './schema.ts';

export interface Suggestion {
  readonly label: string;
  readonly detail: string;
  /** What is put in its place. */
  readonly insert: string;
}

export interface Place {
  /** Keys and list positions down to the line. */
  readonly path: readonly (string | number)[];
  /** Set where the value of a key is typed. */
  readonly key?: string;
  /** What is typed of the word so far. */
  readonly typed: string;
}

/** Where in the structure a position is, judged by indentation, since what is being typed is seldom valid YAML. */
export function placeAt(text: string, position: number): Place {
  const lines = text.slice(0, position).split('\n');
  const current = lines.pop() ?? '';
  const value = /^(\s*(?:- )*)([\w./-]+):\s+(\S*)$/.exec(current);
  const prefix = value?.[1] ?? /^\s*(?:- )*/.exec(current)![0];
  const path = pathAbove(lines, prefix);
  if (value) return { path, key: value[2]!, typed: value[3]! };
  return { path, typed: current.slice(prefix.length) };
}

/** The keys that enclose a line which begins with `prefix`. */
function pathAbove(lines: readonly string[], prefix: string): (string | number)[] {
  const path: (string | number)[] = prefix.includes('-') ? [0] : [];
  let indent = prefix.replace(/- /g, '').length === prefix.length ? prefix.length : prefix.indexOf('-');
  for (let index = lines.length - 1; index >= 0; index--) {
    const line = lines[index]!;
    if (line.startsWith('---')) break;
    const match = /^(\s*)((?:- )*)([\w./-]+):\s*(?:#.*)?$|^(\s*)((?:- )+)/.exec(line);
    if (!match || /^\s*#/.test(line)) continue;
    const dash = (match[1] ?? match[4] ?? '').length;
    const inner = dash + (match[2] ?? match[5] ?? '').length;
    const key = match[3];
    // A list may stand at the same depth as its key.
    if (key !== undefined && (inner < indent || (inner === indent && path[0] === 0))) {
      path.unshift(key);
      indent = inner;
    }
    if (inner > dash && dash < indent) {
      path.unshift(0);
      indent = dash;
    }
  }
  return path;
}

export interface Names {
  /** Tasks of the cluster. */
  readonly tasks: readonly string[];
}

/** What could be typed at a position. */
export function suggestionsAt(text: string, position: number, names: Names): Suggestion[] {
  const kind = /^kind:\s*(\w+)/m.exec(documentAround(text, position))?.[1];
  const root: Schema | undefined = schemas[kind ?? 'Pipeline'];
  if (!root) return [];
  const { path, key } = placeAt(text, position);
  if (key !== undefined) return values(root, [...path, key], names);
  if (path.findLast((part) => typeof part === 'string') === 'runAfter')
    return (pipelineOf(text)?.spec.tasks ?? []).map(({ name }) => ({
      label: name,
      detail: 'task',
      insert: name,
    }));
  const schema = schemaAt(root, path);
  const shape = schema?.type === 'list' ? schema.of() : schema;
  if (shape?.type !== 'object') return [];
  return Object.entries(shape.fields).map(([label, field]) => ({
    label,
    detail: `${field.about}${field.required ? ' (needed)' : ''}`,
    insert: field.schema.type === 'object' || field.schema.type === 'list' ? `${label}:` : `${label}: `,
  }));
}

function values(root: Schema, path: readonly (string | number)[], names: Names): Suggestion[] {
  const schema = schemaAt(root, path);
  if (path.at(-1) === 'name' && path.at(-2) === 'taskRef')
    return names.tasks.map((name) => ({ label: name, detail: 'Task', insert: name }));
  if (schema?.type === 'flag')
    return ['true', 'false'].map((label) => ({ label, detail: '', insert: label }));
  const options = schema && 'options' in schema ? (schema.options ?? []) : [];
  return options.map((label) => ({ label, detail: '', insert: label }));
}

function documentAround(text: string, position: number): string {
  const begin = text.lastIndexOf('\n---', Math.max(0, position - 1)) + 1;
  const end = text.indexOf('\n---', position);
  return text.slice(begin, end < 0 ? undefined : end);
}
