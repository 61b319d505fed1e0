import {
  type ChildReference,
  type Condition,
  findCondition,
  kinds,
  type PipelineRun,
  rerunOfAnnotation,
  type TaskRun,
  type TaskRunStatus,
  type TaskSpec,
} from '@tagboat/api';
import { canonicalJson } from '@tagboat/base';
import type { Reader } from '@tagboat/store';
import { buildGraph } from './graph.ts';

/** On the status of a TaskRun that did not run: the TaskRun whose outcome it has. */
export const takenFromAnnotation = 'tagboat.dev/taken-from';

interface Sources {
  readonly reader: Reader;
  /** Whether the large results that a text names are still there. */
  readonly resultsKept: (text: string) => Promise<boolean>;
}

/**
 * The outcome of the same task in the run that this one repeats, where it succeeded there with the same params and spec,
 * its results are still there, and nothing that it waits for ran again.
 * @param spec what would run: variables are replaced
 * @returns what to record, or undefined where the task must run
 */
export async function takeFromEarlierRun(
  { reader, resultsKept }: Sources,
  taskRun: TaskRun,
  spec: TaskSpec,
): Promise<Partial<TaskRunStatus> | undefined> {
  const { namespace = '', labels = {} } = taskRun.metadata;
  const runName = labels['tekton.dev/pipelineRun'];
  if (!runName || labels['tekton.dev/memberOf'] === 'finally') return undefined;
  const run = await reader.get<PipelineRun>({ type: kinds.PipelineRun, namespace, name: runName });
  const earlierName = run?.metadata.annotations?.[rerunOfAnnotation];
  if (!run || !earlierName) return undefined;
  const earlier = await reader.get<PipelineRun>({ type: kinds.PipelineRun, namespace, name: earlierName });
  if (!earlier) return undefined;
  const source = await sameTask(reader, earlier, { taskRun, spec });
  const condition = findCondition(source?.status?.conditions, 'Succeeded');
  if (!source?.status || condition?.status !== 'True') return undefined;
  const parents = new Parents(reader, run, earlier);
  if (!(await parents.keptFor(labels['tekton.dev/pipelineTask'] ?? ''))) return undefined;
  const { steps, results, artifacts, podName } = source.status;
  if (!(await resultsKept(JSON.stringify([results, steps])))) return undefined;
  const taken: Condition = {
    ...condition,
    message: `Taken from TaskRun ${source.metadata.name}, which succeeded`,
  };
  return {
    ...(steps ? { steps } : {}),
    ...(results ? { results } : {}),
    ...(artifacts ? { artifacts } : {}),
    ...(podName ? { podName } : {}),
    conditions: [taken],
    annotations: { [takenFromAnnotation]: source.metadata.name },
  };
}

async function sameTask(
  reader: Reader,
  earlier: PipelineRun,
  { taskRun, spec }: { taskRun: TaskRun; spec: TaskSpec },
): Promise<TaskRun | undefined> {
  const task = taskRun.metadata.labels?.['tekton.dev/pipelineTask'] ?? '';
  for (const { kind, name } of childrenOfTask(earlier, task)) {
    if (kind !== 'TaskRun') continue;
    const candidate = await reader.get<TaskRun>({
      type: kinds.TaskRun,
      namespace: taskRun.metadata.namespace ?? '',
      name,
    });
    if (!candidate?.status?.taskSpec) continue;
    // Another value of a param, of a matrix too, is other work; and so is another text.
    const sameParams =
      canonicalJson(candidate.spec?.params ?? []) === canonicalJson(taskRun.spec?.params ?? []);
    if (sameParams && canonicalJson(candidate.status.taskSpec) === asIn(candidate, taskRun, spec))
      return candidate;
  }
  return undefined;
}

/** A spec as it would read in another TaskRun: what uses the name or uid of its run is the same work in the next one. */
function asIn(other: TaskRun, own: TaskRun, spec: TaskSpec): string {
  const namesOf = ({ metadata: { name, uid, labels } }: TaskRun) => [
    uid,
    name,
    labels?.['tekton.dev/pipelineRunUID'],
    labels?.['tekton.dev/pipelineRun'],
  ];
  const others = namesOf(other);
  return namesOf(own).reduce<string>(
    (text, name, index) => (name ? text.replaceAll(name, others[index] ?? name) : text),
    canonicalJson(spec),
  );
}

const childrenOfTask = (run: PipelineRun, task: string): ChildReference[] =>
  (run.status?.childReferences ?? []).filter(({ pipelineTaskName }) => pipelineTaskName === task);

/** What the tasks of a run wait for, and whether that is still what it was in the run that it repeats. */
class Parents {
  readonly #reader: Reader;
  readonly #run: PipelineRun;
  readonly #earlier: PipelineRun;
  readonly #of: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(reader: Reader, run: PipelineRun, earlier: PipelineRun) {
    this.#reader = reader;
    this.#run = run;
    this.#earlier = earlier;
    this.#of = buildGraph(run.status?.pipelineSpec?.tasks ?? []).parents;
  }

  async keptFor(task: string): Promise<boolean> {
    for (const parent of this.#of.get(task) ?? []) if (!(await this.#kept(parent))) return false;
    return true;
  }

  async #kept(task: string): Promise<boolean> {
    const children = childrenOfTask(this.#run, task);
    if (children.length > 0) return allTaken(this.#reader, this.#run, children);
    // Skipped, in both: what it waits for itself is next.
    return childrenOfTask(this.#earlier, task).length === 0 && this.keptFor(task);
  }
}

async function allTaken(
  reader: Reader,
  { metadata: { namespace = '' } }: PipelineRun,
  children: readonly ChildReference[],
): Promise<boolean> {
  for (const { kind, name } of children) {
    if (kind === 'PipelineRun') {
      const nested = await reader.get<PipelineRun>({ type: kinds.PipelineRun, namespace, name });
      if (!nested || !(await allTaken(reader, nested, nested.status?.childReferences ?? []))) return false;
    } else {
      const taskRun = await reader.get<TaskRun>({ type: kinds.TaskRun, namespace, name });
      if (taskRun?.metadata.labels?.['tekton.dev/memberOf'] === 'finally') continue;
      if (!taskRun?.status?.annotations?.[takenFromAnnotation]) return false;
    }
  }
  return true;
}
