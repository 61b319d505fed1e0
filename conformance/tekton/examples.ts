import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Condition,
  failureText,
  findCondition,
  type KubernetesObject,
  keyOf,
  kinds,
  type PipelineRun,
  parseYaml,
  type SourceDocument,
  type TaskRun,
} from '@tagboat/api';
import { describeError } from '@tagboat/base';
import { problemError, validateTekton } from '@tagboat/pipelines';
import type { Engine } from '@tagboat/server';
import { notOffline, notServed, takenOut } from './applicable.ts';

export interface Outcome {
  readonly kind: 'passed' | 'failed' | 'not applicable';
  readonly reason?: string;
}

/** Every YAML file below a directory, sorted. */
export async function findExamples(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = await readdir(path, { recursive: true });
  return names
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

/** Creates every object of a file where it says, before the examples. */
export async function createAll({ store }: Engine, file: string): Promise<void> {
  for (const { value } of parseYaml(await readFile(file, 'utf8'), file))
    await store.create(value as KubernetesObject);
}

type Run = KubernetesObject<unknown, { conditions?: Condition[]; completionTime?: string }>;

/** Creates what a file holds in a namespace of its own and waits for its runs. */
export async function runExample(
  engine: Engine,
  { file, namespace }: { file: string; namespace: string },
  timeout: number,
): Promise<Outcome> {
  try {
    const source = await readFile(file, 'utf8');
    const documents = parseYaml(source, file);
    const runs: Run[] = [];
    await engine.store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const isRun = ({ value }: SourceDocument) =>
      /^(Task|Pipeline)Run$/.test((value as KubernetesObject).kind);
    for (const document of [...documents.filter((item) => !isRun(item)), ...documents.filter(isRun)]) {
      const object = document.value as KubernetesObject;
      if (!engine.store.types.find(object.apiVersion, object.kind)) {
        const reason = notServed(object);
        if (reason) return { kind: 'not applicable', reason };
        continue;
      }
      const problem = validateTekton(object)[0];
      if (problem) {
        const reason = takenOut(`${problem.message}: ${problem.field}`, source);
        if (reason) return { kind: 'not applicable', reason };
        throw problemError(object, problem, document);
      }
      const { status: _, ...declared } = object;
      const created = await engine.store.create({ ...declared, metadata: { ...object.metadata, namespace } });
      if (isRun(document)) runs.push(created as Run);
    }
    if (runs.length === 0) return { kind: 'not applicable', reason: 'it holds no TaskRun or PipelineRun' };
    const ended = await Promise.all(runs.map((run) => finished(engine, run, timeout)));
    return await verdict(engine, ended, source);
  } catch (error) {
    return { kind: 'failed', reason: describeError(error) };
  }
}

async function finished(engine: Engine, run: Run, timeout: number): Promise<Run> {
  const type = engine.store.types.of(run);
  const key = keyOf(type, run);
  const query = { namespace: key.namespace, name: key.name };
  const listed = await engine.store.list<Run>(type, query);
  const before = listed.items[0];
  if (before?.status?.completionTime) return before;
  const signal = AbortSignal.timeout(timeout);
  let last = before ?? run;
  for await (const { object } of engine.store.watch<Run>(type, query, {
    from: listed.resourceVersion,
    signal,
  })) {
    last = object;
    if (object.status?.completionTime) return object;
  }
  return last;
}

async function verdict(engine: Engine, runs: readonly Run[], source: string): Promise<Outcome> {
  for (const run of runs) {
    const condition = findCondition(run.status?.conditions, 'Succeeded');
    if (condition?.status === 'True') continue;
    const reason = await explain(engine, run);
    const offline = await notOffline(engine, { run, reason, source });
    if (offline) return { kind: 'not applicable', reason: offline };
    return { kind: 'failed', reason: `${run.kind} ${run.metadata.name}: ${reason}` };
  }
  return { kind: 'passed' };
}

async function explain(engine: Engine, run: Run): Promise<string> {
  const condition = findCondition(run.status?.conditions, 'Succeeded');
  const own = condition ? `${condition.reason}: ${condition.message}` : 'it never started';
  if (run.kind === 'TaskRun') return `${condition?.reason ?? own}: ${failureText(run as TaskRun)}`;
  const failures: string[] = [];
  for (const { kind, name } of (run as PipelineRun).status?.childReferences ?? []) {
    if (kind !== 'TaskRun') continue;
    const child = await engine.store.get<TaskRun>({
      type: kinds.TaskRun,
      namespace: run.metadata.namespace ?? '',
      name,
    });
    const failed = findCondition(child?.status?.conditions, 'Succeeded');
    if (child && failed?.status !== 'True')
      failures.push(`${name}: ${failed?.reason}: ${failureText(child)}`);
  }
  return [own, ...failures].join('; ');
}
