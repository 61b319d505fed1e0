import type {
  KubernetesObject,
  Pipeline,
  PipelineRun,
  PipelineTask,
  SourceDocument,
  Task,
} from '@tagboat/api';
import { invalid, type Location } from '@tagboat/base';
import { annotationNames, annotationValues } from './matching.ts';

/** One object of a repository's files, and where it stands. */
export interface Found<T extends KubernetesObject = KubernetesObject> {
  readonly object: T;
  readonly locate: (path: readonly (string | number)[]) => Location;
}

/** Where what is named comes from. */
export interface Sources {
  readonly tasks: ReadonlyMap<string, Found<Task>>;
  readonly pipelines: ReadonlyMap<string, Found<Pipeline>>;
  /** The text behind a URL, or of a file of the repository at the event's commit. @throws `Invalid` */
  readonly fetch: (reference: string) => Promise<{ text: string; file: string }>;
  /** Whether the project has a Task or Pipeline of this name of its own. */
  readonly inProject: (kind: 'Task' | 'Pipeline', name: string) => Promise<boolean>;
  /** The text behind a name of the catalog. @throws `TagboatError` */
  readonly catalog: (kind: 'Task' | 'Pipeline', reference: string) => Promise<string>;
  /** A task that the platform brings. */
  readonly builtIn: (name: string) => Task | undefined;
  readonly read: (text: string, file: string) => SourceDocument[];
}

type Resolved = NonNullable<PipelineRun['spec']>;

/**
 * Embeds what a run names: its pipeline, and the tasks of that, from the annotations of the run, then those of a fetched
 * pipeline, then the repository's own files. What the project or a resolver gives stays a reference.
 * @throws `Invalid` that says where the name stands
 */
export async function resolveRun(run: Found<PipelineRun>, sources: Sources): Promise<Resolved> {
  const { object } = run;
  const annotations = object.metadata.annotations ?? {};
  const tasks = await remoteTasks(annotations, undefined, sources);
  const spec = structuredClone(object.spec ?? {}) as Resolved;
  const name = spec.pipelineRef?.name;
  let origin: Found = run;
  let path: (string | number)[] = ['spec', 'pipelineSpec'];
  if (name !== undefined && !spec.pipelineRef?.resolver) {
    const pipeline = await pipelineNamed(name, run, sources);
    if (!pipeline) return spec;
    for (const [key, task] of await remoteTasks(
      pipeline.object.metadata.annotations ?? {},
      pipeline,
      sources,
    ))
      if (!tasks.has(key)) tasks.set(key, task);
    delete spec.pipelineRef;
    spec.pipelineSpec = structuredClone(pipeline.object.spec!);
    origin = pipeline;
    path = ['spec'];
  }
  const pipelineSpec = spec.pipelineSpec;
  if (!pipelineSpec) return spec;
  for (const list of ['tasks', 'finally'] as const) {
    const items = pipelineSpec[list];
    if (!Array.isArray(items)) continue;
    for (const [index, task] of items.entries())
      await embedTask(task, {
        tasks,
        sources,
        location: origin.locate([...path, list, index, 'taskRef', 'name']),
      });
  }
  return spec;
}

interface RemotePipeline extends Found<Pipeline> {
  /** Where it was fetched from; relative tasks are looked for beside it. */
  readonly reference?: string;
}

async function pipelineNamed(
  name: string,
  run: Found<PipelineRun>,
  sources: Sources,
): Promise<RemotePipeline | undefined> {
  const reference = run.object.metadata.annotations?.[annotationNames.pipeline];
  if (reference !== undefined) {
    const [first] = annotationValues(reference, annotationNames.pipeline);
    const found = await fetched<Pipeline>(first!, 'Pipeline', sources);
    if (found.object.metadata.name === name) return { ...found, reference: first! };
  }
  const own = sources.pipelines.get(name);
  if (own) return own;
  if (await sources.inProject('Pipeline', name)) return undefined;
  throw invalid(`there is no Pipeline "${name}"`, {
    location: run.locate(['spec', 'pipelineRef', 'name']),
    hint: `commit it to .tekton/, or name it in the annotation ${annotationNames.pipeline}`,
  });
}

/** The tasks that `task`, `task-1`, ... name, by their names. */
async function remoteTasks(
  annotations: Readonly<Record<string, string>>,
  beside: RemotePipeline | undefined,
  sources: Sources,
): Promise<Map<string, Task>> {
  const found = new Map<string, Task>();
  const keys = Object.keys(annotations).filter(
    (key) => /\/task(-\d+)?$/.test(key) && key.startsWith(annotationNames.task),
  );
  for (const key of keys.sort())
    for (const value of annotationValues(annotations[key]!, key)) {
      const task = isCatalogName(value)
        ? await catalogTask(value, sources)
        : (await fetched<Task>(relativeTo(value, beside?.reference), 'Task', sources)).object;
      if (task && !found.has(task.metadata.name)) found.set(task.metadata.name, task);
    }
  return found;
}

const isCatalogName = (reference: string) => !reference.includes('/');

/** A name of the catalog: the platform's own task, one of the files or of the project, else the catalog's. */
async function catalogTask(reference: string, sources: Sources): Promise<Task | undefined> {
  const name = reference.split(':')[0]!;
  const builtIn = sources.builtIn(name);
  if (builtIn) return builtIn;
  // Found under its name later, without asking anybody.
  if (sources.tasks.has(name) || (await sources.inProject('Task', name))) return undefined;
  return (await fetched<Task>(reference, 'Task', sources)).object;
}

function relativeTo(reference: string, base: string | undefined): string {
  if (base === undefined || !/^\.{1,2}\//.test(reference)) return reference;
  if (/^https?:/.test(base)) return new URL(reference, base).href;
  return new URL(reference, `http://files/${base}`).pathname.slice(1);
}

async function fetched<T extends KubernetesObject>(
  reference: string,
  kind: 'Task' | 'Pipeline',
  sources: Sources,
): Promise<Found<T>> {
  const { text, file } = isCatalogName(reference)
    ? { text: await sources.catalog(kind, reference), file: reference }
    : await sources.fetch(reference);
  for (const document of sources.read(text, file)) {
    const object = document.value as T;
    if (object?.kind === kind && /^tekton\.dev\//.test(object.apiVersion ?? ''))
      return { object, locate: document.locate };
  }
  throw invalid(`expected a ${kind} of tekton.dev in ${reference}`);
}

async function embedTask(
  task: PipelineTask,
  about: { tasks: ReadonlyMap<string, Task>; sources: Sources; location: Location },
): Promise<void> {
  const reference = task?.taskRef;
  const name = reference?.name;
  if (!reference || name === undefined || reference.resolver !== undefined) return;
  if (
    reference.kind === 'ClusterTask' ||
    (reference.apiVersion && !/^tekton\.dev\//.test(reference.apiVersion))
  )
    return;
  const { sources, tasks } = about;
  const found = tasks.get(name) ?? sources.tasks.get(name)?.object;
  const known = found ?? ((await sources.inProject('Task', name)) ? undefined : sources.builtIn(name));
  if (known) {
    const { labels, annotations } = known.metadata;
    delete task.taskRef;
    task.taskSpec = {
      ...known.spec!,
      ...(labels || annotations
        ? { metadata: { ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) } }
        : {}),
    };
    return;
  }
  if (await sources.inProject('Task', name)) return;
  throw invalid(`there is no Task "${name}"`, {
    location: about.location,
    hint: `commit it to .tekton/, or name it in the annotation ${annotationNames.task}`,
  });
}
