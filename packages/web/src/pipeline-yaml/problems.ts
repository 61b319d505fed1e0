import type { PipelineSpec } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { readModelFile } from '@tagboat/render/model-file';
import { isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { dependenciesOf } from '../graph/pipeline-graph.ts';
import { type Document, documentsOf, type PipelinePlace } from './document.ts';
import { type Schema, schemas } from './schema.ts';

/** Something that is wrong, and where: offsets into the text. */
export interface Problem {
  readonly from: number;
  readonly to: number;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

/** Everything that is wrong with a Tekton file or a `tagboat.yaml`: its YAML, its fields, and what its tasks say of one another. */
export function problemsOf(text: string): Problem[] {
  const documents = documentsOf(text);
  const found = documents.flatMap((document) => [
    ...document.yaml.errors.map(
      ({ pos: [from, to], message }): Problem => ({
        from,
        to: Math.max(to, from + 1),
        severity: 'error',
        message: message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, ''),
      }),
    ),
    ...fieldProblems(document),
    ...(document.pipeline ? graphProblems(document, document.pipeline) : []),
  ]);
  // What is left is what the platform says when it reads the file: keys that exclude or need one another, forms of texts.
  if (found.length === 0 && documents.some(({ kind }) => kind === 'Model')) return modelProblems(text);
  return found;
}

function modelProblems(text: string): Problem[] {
  try {
    return readModelFile(text).flatMap(({ notices }) =>
      notices.map((message): Problem => ({ from: 0, to: 1, severity: 'warning', message })),
    );
  } catch (error) {
    if (!(error instanceof TagboatError)) throw error;
    const { line = 1, column = 1 } = error.location ?? {};
    const lines = text.split('\n');
    const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0);
    const from = Math.min(start + column - 1, text.length);
    const to = Math.max(from + 1, start + (lines[line - 1]?.length ?? 0));
    return [{ from, to, severity: 'error', message: error.message }];
  }
}

function fieldProblems({ yaml, kind }: Document): Problem[] {
  const root = yaml.contents as Node | null;
  if (!root || kind === undefined) return [];
  const schema = schemas[kind];
  return schema ? check(root, schema, kind) : [];
}

const at = (node: unknown, message: string, severity: Problem['severity'] = 'error'): Problem => {
  const [from, to] = (node as Node | null)?.range ?? [0, 1];
  return { from, to: Math.max(to, from + 1), severity, message };
};

function check(node: Node | null, schema: Schema, name: string): Problem[] {
  if (node === null || schema.type === 'anything') return [];
  if (isScalar(node) && node.value === null) return [];
  if (schema.type === 'object')
    return isMap(node) ? checkMap(node, schema, name) : [at(node, `expected a map below "${name}"`)];
  if (schema.type === 'list') {
    if (!isSeq(node)) return [at(node, `expected a list below "${name}"; begin each item with "- "`)];
    return node.items.flatMap((item) => check(item as Node, schema.of(), name));
  }
  return checkScalar(node, schema, name);
}

function checkScalar(node: Node, schema: Schema & { options?: readonly string[] }, name: string): Problem[] {
  if (!isScalar(node)) return [at(node, `expected a single value for "${name}"`)];
  const { value } = node;
  if (schema.type === 'number' && typeof value !== 'number' && !String(value).includes('$('))
    return [at(node, `expected a number for "${name}", found "${value}"`)];
  if (schema.type === 'flag' && typeof value !== 'boolean')
    return [at(node, `expected true or false for "${name}"`)];
  const text = String(value);
  if (schema.options && !schema.options.includes(text) && !text.includes('$('))
    return [
      at(
        node,
        `expected ${schema.options.join(' or ')} for "${name}", found "${text}"`,
        name === 'kind' || name === 'resolver' || name === 'apiVersion' ? 'warning' : 'error',
      ),
    ];
  return [];
}

function checkMap(
  node: Node & { items: Pair[] },
  schema: Schema & { type: 'object' },
  name: string,
): Problem[] {
  const present = new Set(node.items.map(({ key }) => String((key as { value?: unknown })?.value ?? key)));
  const missing = Object.entries(schema.fields)
    .filter(([field, { required }]) => required && !present.has(field))
    .map(([field]) => at(node.items[0]?.key ?? node, `"${name}" needs "${field}"`));
  const inside = node.items.flatMap((pair) => {
    const key = String((pair.key as { value?: unknown })?.value ?? pair.key);
    const field = schema.fields[key];
    if (field) return check(pair.value as Node | null, field.schema, key);
    if (schema.open || Object.keys(schema.fields).length === 0) return [];
    return [
      at(
        pair.key,
        `"${key}" is not a field of "${name}"${nearest(key, Object.keys(schema.fields))}`,
        'warning',
      ),
    ];
  });
  return [...missing, ...inside];
}

/** `; did you mean "runAfter"?` where one is near. */
function nearest(word: string, known: readonly string[]): string {
  const close = known.find(
    (candidate) =>
      candidate.toLowerCase() === word.toLowerCase() ||
      (Math.abs(candidate.length - word.length) <= 1 && differences(candidate, word) <= 1),
  );
  return close ? `; did you mean "${close}"?` : '';
}

function differences(a: string, b: string): number {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  let changed = 0;
  for (let i = 0, j = 0; i < long.length; i++, j++) {
    if (long[i] === short[j]) continue;
    changed++;
    if (long.length > short.length) j--;
  }
  return changed;
}

function graphProblems(document: Document, place: PipelinePlace): Problem[] {
  const { spec, path } = place;
  const tasks = [...(spec.tasks ?? []), ...(spec.finally ?? [])];
  const nodeOf = (index: number, ...rest: (string | number)[]) => {
    const inTasks = index < (spec.tasks?.length ?? 0);
    const where = inTasks ? ['tasks', index] : ['finally', index - (spec.tasks?.length ?? 0)];
    return document.yaml.getIn([...path, ...where, ...rest], true);
  };
  const names = tasks.map((task) => task?.name);
  return tasks.flatMap((task, index): Problem[] => {
    if (!task?.name) return [];
    const found: Problem[] = [];
    if (names.indexOf(task.name) !== index)
      found.push(at(nodeOf(index, 'name'), `there are two tasks named "${task.name}"`));
    if (!task.taskRef && !task.taskSpec && !task.pipelineRef && !task.pipelineSpec)
      found.push(at(nodeOf(index, 'name'), `"${task.name}" needs taskRef or taskSpec`));
    for (const wanted of dependenciesOf(task))
      if (!names.includes(wanted))
        found.push(
          at(
            nodeOf(index, 'runAfter') ?? nodeOf(index, 'name'),
            `"${task.name}" waits for "${wanted}", which is no task of this pipeline`,
          ),
        );
    for (const { name, workspace = name } of task.workspaces ?? [])
      if (!spec.workspaces?.some((declared) => declared.name === workspace))
        found.push(
          at(
            nodeOf(index, 'workspaces') ?? nodeOf(index, 'name'),
            `the pipeline declares no workspace "${workspace}"`,
            'warning',
          ),
        );
    if (inCircle(spec, task.name))
      found.push(
        at(
          nodeOf(index, 'runAfter') ?? nodeOf(index, 'name'),
          `"${task.name}" waits for itself, by way of others`,
        ),
      );
    return found;
  });
}

/** Whether a task can be reached from itself. */
export function inCircle(spec: PipelineSpec, name: string): boolean {
  const byName = new Map((spec.tasks ?? []).filter(Boolean).map((task) => [task.name, task]));
  const seen = new Set<string>();
  const open = byName.has(name) ? dependenciesOf(byName.get(name)!) : [];
  while (open.length > 0) {
    const next = open.pop()!;
    if (next === name) return true;
    if (seen.has(next)) continue;
    seen.add(next);
    const task = byName.get(next);
    if (task) open.push(...dependenciesOf(task));
  }
  return false;
}
