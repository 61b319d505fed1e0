import type { PipelineSpec, PipelineTask } from '@tagboat/api';
import { parseAllDocuments, type Document as YamlDocument } from 'yaml';

/** A pipeline in a file: where its spec stands, and what it says. */
export interface PipelinePlace {
  readonly path: readonly string[];
  readonly spec: PipelineSpec;
  readonly name: string;
}

export interface Document {
  readonly yaml: YamlDocument;
  readonly kind: string | undefined;
  /** Absent where the document is no pipeline, or cannot be read. */
  readonly pipeline?: PipelinePlace;
}

const specPaths: Readonly<Record<string, readonly string[]>> = {
  Pipeline: ['spec'],
  PipelineRun: ['spec', 'pipelineSpec'],
};

/** The documents of a YAML text; never throws. */
export function documentsOf(text: string): Document[] {
  const parsed = parseAllDocuments(text, { strict: true, uniqueKeys: true });
  if (!Array.isArray(parsed)) return [];
  return parsed.map((yaml): Document => {
    const value = plain(yaml) as {
      kind?: unknown;
      metadata?: { name?: string; generateName?: string };
    } | null;
    const kind = typeof value?.kind === 'string' ? value.kind : undefined;
    const path = specPaths[kind ?? ''];
    const spec = path?.reduce<unknown>((at, key) => (at as Record<string, unknown> | null)?.[key], value);
    if (!path || typeof spec !== 'object' || spec === null) return { yaml: yaml as YamlDocument, kind };
    const name = value?.metadata?.name ?? value?.metadata?.generateName ?? 'pipeline';
    return { yaml: yaml as YamlDocument, kind, pipeline: { path, spec: sound(spec as PipelineSpec), name } };
  });
}

function plain(yaml: { toJS(options?: object): unknown }): unknown {
  try {
    return yaml.toJS({ maxAliasCount: 100 });
  } catch {
    // What is half typed may have aliases to nothing; the errors say so.
    return null;
  }
}

/** A spec that is half typed, with lists where lists belong. */
function sound(spec: PipelineSpec): PipelineSpec {
  const tasks = (list: unknown): PipelineTask[] =>
    (Array.isArray(list) ? list : []).filter(
      (task): task is PipelineTask => typeof task?.name === 'string' && task.name !== '',
    );
  return { ...spec, tasks: tasks(spec.tasks), finally: tasks(spec.finally) };
}

/** The first pipeline of a text. */
export function pipelineOf(text: string): PipelinePlace | undefined {
  return documentsOf(text).find(({ pipeline }) => pipeline)?.pipeline;
}

type Change = (yaml: YamlDocument, place: PipelinePlace) => void;

/** Changes the first pipeline of a text; comments and everything else stay as they are. */
function changed(text: string, change: Change): string {
  const documents = documentsOf(text);
  const target = documents.find(({ pipeline }) => pipeline);
  if (!target || documents.some(({ yaml }) => yaml.errors.length > 0)) return text;
  change(target.yaml, target.pipeline!);
  return documents
    .map(({ yaml }, index) => {
      const part = yaml.toString({ lineWidth: 0 });
      return index > 0 && !part.startsWith('---') ? `---\n${part}` : part;
    })
    .join('');
}

/** Where a task stands in the document. */
function pathOf(yaml: YamlDocument, place: PipelinePlace, name: string): (string | number)[] | undefined {
  for (const list of ['tasks', 'finally'] as const) {
    const items = yaml.getIn([...place.path, list]) as
      | { items?: { get?(key: string): unknown }[] }
      | undefined;
    const index = items?.items?.findIndex((item) => item.get?.('name') === name) ?? -1;
    if (index >= 0) return [...place.path, list, index];
  }
  return undefined;
}

/** A name that no task has yet. */
export function freeName(spec: PipelineSpec, wanted: string): string {
  const taken = new Set([...(spec.tasks ?? []), ...(spec.finally ?? [])].map(({ name }) => name));
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    if (!taken.has(name)) return name;
  }
}

export const inlineTask = 'inline';

/** Adds a task; `what` is the name of a Task, or `inlineTask` for one with a step of its own. @returns the text and the task's name */
export function addTask(text: string, what: string): { text: string; name: string } {
  let name = what;
  const next = changed(text, (yaml, place) => {
    name = freeName(place.spec, what === inlineTask ? 'task' : what);
    const task =
      what === inlineTask
        ? { name, taskSpec: { steps: [{ name: 'run', image: 'bash', script: 'echo hello\n' }] } }
        : { name, taskRef: { name: what } };
    const path = [...place.path, 'tasks'];
    if (yaml.hasIn(path) && (yaml.getIn(path) as { items?: unknown } | null)?.items)
      yaml.addIn(path, yaml.createNode(task));
    else yaml.setIn(path, yaml.createNode([task]));
  });
  return { text: next, name };
}

/** Makes `to` wait for `from`. */
export function connect(text: string, from: string, to: string): string {
  return changed(text, (yaml, place) => {
    const path = pathOf(yaml, place, to);
    if (!path || from === to) return;
    const before = (yaml.getIn([...path, 'runAfter']) as { toJSON(): string[] } | undefined)?.toJSON() ?? [];
    if (!before.includes(from))
      yaml.setIn([...path, 'runAfter'], yaml.createNode([...before, from], { flow: true }));
  });
}

/** Takes `from` out of what `to` waits for; results that it uses still bind them. */
export function disconnect(text: string, from: string, to: string): string {
  return changed(text, (yaml, place) => {
    const path = pathOf(yaml, place, to);
    const before =
      path && (yaml.getIn([...path, 'runAfter']) as { toJSON(): string[] } | undefined)?.toJSON();
    if (!path || !before) return;
    const rest = before.filter((name) => name !== from);
    if (rest.length > 0) yaml.setIn([...path, 'runAfter'], yaml.createNode(rest, { flow: true }));
    else yaml.deleteIn([...path, 'runAfter']);
  });
}

/** Removes a task, and every `runAfter` that names it. */
export function removeTask(text: string, name: string): string {
  const spec = pipelineOf(text)?.spec;
  const without = [...(spec?.tasks ?? []), ...(spec?.finally ?? [])]
    .filter(({ runAfter }) => runAfter?.includes(name))
    .reduce((so, task) => disconnect(so, name, task.name), text);
  return changed(without, (yaml, place) => {
    const path = pathOf(yaml, place, name);
    if (path) yaml.deleteIn(path);
  });
}

/** Sets what a step of an inline task gets; an empty text takes a value away. */
export function setResources(
  text: string,
  at: { readonly task: string; readonly step: number },
  resources: { readonly cpu: string; readonly memory: string },
): string {
  return changed(text, (yaml, place) => {
    const path = pathOf(yaml, place, at.task);
    if (!path) return;
    const step = [...path, 'taskSpec', 'steps', at.step];
    if (!yaml.hasIn(step)) return;
    for (const [name, value] of Object.entries(resources)) {
      const where = [...step, 'computeResources', 'requests', name];
      if (value) yaml.setIn(where, value);
      else if (yaml.hasIn(where)) yaml.deleteIn(where);
    }
    const requests = [...step, 'computeResources', 'requests'];
    if ((yaml.getIn(requests) as { items?: unknown[] } | undefined)?.items?.length === 0)
      yaml.deleteIn(requests);
    const all = [...step, 'computeResources'];
    if ((yaml.getIn(all) as { items?: unknown[] } | undefined)?.items?.length === 0) yaml.deleteIn(all);
  });
}
