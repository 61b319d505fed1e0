import { kinds, type PipelineRun, type Pod, type TaskRun } from '@tagboat/api';
import { isReason, notFound } from '@tagboat/base';
import { type Client, splitLines, until } from '@tagboat/client';
import { runAnnotations } from '@tagboat/render';
import { defineCommand } from 'citty';
import pc from 'picocolors';
import { failureOf } from '../live.ts';
import { newestFirst, outputOption, projectOption, say } from '../output.ts';
import { connect, currentRepository } from '../session.ts';

export default defineCommand({
  meta: {
    name: 'logs',
    description: 'Prints the logs of a run, a pod or a served model; with -o json an object for each line',
  },
  args: {
    name: {
      type: 'positional',
      required: false,
      description: 'a run, a tag, a pod, or a model; default: the newest run of this repository’s project',
    },
    task: { type: 'string', alias: 't', description: 'only this task of the run' },
    follow: { type: 'boolean', alias: 'f', description: 'go on as more is written, to the end of the run' },
    ...projectOption,
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const scope = args.project ? { namespace: args.project } : {};
    const name = args.name ?? (await newestRun(client, args.project));
    const wanted: Wanted = { name, task: args.task, follow: args.follow ?? false };
    const printer = args.output === 'json' ? printJson : print;
    let printed = 0;
    for await (const pod of podsWith(client, wanted, scope)) {
      await printer(client, pod, wanted.follow);
      printed++;
    }
    if (printed === 0) throw await withoutLog(client, name, scope);
  },
});

/** The run of that name, else the newest one of that tag. */
const runCalled = (runs: readonly PipelineRun[], name: string): PipelineRun | undefined =>
  runs.find(({ metadata }) => metadata.name === name) ??
  newestFirst(runs).find(({ metadata }) => metadata.annotations?.[runAnnotations.tag] === name);

/** Why nothing was printed: a run of a configuration that cannot be read has no tasks. */
async function withoutLog(client: Client, name: string, scope: { namespace?: string }): Promise<Error> {
  const { items } = await client.list<PipelineRun>(kinds.PipelineRun, scope);
  const run = runCalled(items, name);
  return run?.status?.completionTime
    ? notFound(`no task of the run "${name}" has a log: ${await failureOf(client, run)}`)
    : notFound(`there is no run, tag, pod or model "${name}" with a log`, {
        hint: 'see: tagboat runs, tagboat apps',
      });
}

/** @throws `NotFound` */
async function newestRun(client: Client, project: string | undefined): Promise<string> {
  const namespace = project ?? (await currentRepository(client))?.project;
  const { items } = await client.list<PipelineRun>(kinds.PipelineRun, namespace ? { namespace } : {});
  const [newest] = newestFirst(items);
  if (!newest)
    throw notFound(`there is no run${namespace ? ` in the project ${namespace}` : ''} yet`, {
      hint: 'push a tag, or: tagboat try',
    });
  process.stderr.write(`${pc.dim(`the newest run: ${newest.metadata.name}`)}\n`);
  return newest.metadata.name;
}

interface Wanted {
  readonly name: string;
  readonly task: string | undefined;
  readonly follow: boolean;
}
interface Scope {
  readonly namespace?: string;
}
type LogSource = Pick<Client, 'get' | 'logs'>;

interface ShownPod {
  readonly namespace: string;
  readonly name: string;
  readonly title: string;
  /** What is known of its containers though it is gone: the pod of a run that was cancelled or ran too long is. */
  readonly steps?: readonly string[];
}

async function* podsWith(client: Client, wanted: Wanted, scope: Scope): AsyncGenerator<ShownPod> {
  const { items: runs } = await client.list<PipelineRun>(kinds.PipelineRun, scope);
  const run = runCalled(runs, wanted.name);
  if (run) return yield* podsOfRun(client, run, wanted);
  const { items: tasks } = await client.list<TaskRun>(kinds.TaskRun, scope);
  const task = tasks.find(({ metadata }) => metadata.name === wanted.name);
  const pod = task && podOf(task);
  if (pod) return yield pod;
  const { items } = await client.list<Pod>(kinds.Pod, scope);
  for (const { metadata } of items)
    if (
      metadata.name === wanted.name ||
      metadata.labels?.['serving.kserve.io/inferenceservice'] === wanted.name
    )
      yield { namespace: metadata.namespace ?? '', name: metadata.name, title: metadata.name };
}

/** In the order they began; with `follow` those too that begin later, until the run is over. */
async function* podsOfRun(client: Client, run: PipelineRun, wanted: Wanted): AsyncGenerator<ShownPod> {
  const { namespace = '', name } = run.metadata;
  const shown = new Set<string>();
  for (let current = run; ; ) {
    const { items } = await client.list<TaskRun>(kinds.TaskRun, {
      namespace,
      labelSelector: `tekton.dev/pipelineRun=${name}`,
    });
    const fresh = items
      .filter(({ metadata }) => !shown.has(metadata.name))
      .filter((task) => podOf(task) !== undefined && isWanted(task, wanted))
      .sort((a, b) => (a.status?.startTime ?? '').localeCompare(b.status?.startTime ?? ''));
    for (const task of fresh) {
      shown.add(task.metadata.name);
      yield podOf(task)!;
    }
    if (fresh.length > 0 && !current.status?.completionTime) {
      current = (await client.get<PipelineRun>({ type: kinds.PipelineRun, namespace, name })) ?? current;
      continue;
    }
    if (!wanted.follow || current.status?.completionTime) return;
    current = await changed(client, current, (task) => !shown.has(task.metadata.name));
  }
}

/** Waits for another task of the run to begin, or for the run's end. @returns the run as it is then */
async function changed(
  client: Client,
  { metadata: { namespace = '', name } }: PipelineRun,
  isNew: (task: TaskRun) => boolean,
): Promise<PipelineRun> {
  const decided = new AbortController();
  const awaited = { namespace, what: `the end of ${name}`, timeout: longest, signal: decided.signal };
  const ended = until<PipelineRun>(
    client,
    { ...awaited, type: kinds.PipelineRun },
    (run) => run.metadata.name === name && run.status?.completionTime !== undefined,
  );
  const begun = until<TaskRun>(
    client,
    { ...awaited, type: kinds.TaskRun, labelSelector: `tekton.dev/pipelineRun=${name}` },
    (task) => isNew(task) && podOf(task) !== undefined,
  );
  try {
    await Promise.race([ended, begun]);
  } finally {
    decided.abort();
    await Promise.allSettled([ended, begun]);
  }
  const run = await client.get<PipelineRun>({ type: kinds.PipelineRun, namespace, name });
  if (!run) throw notFound(`the run ${namespace}/${name} was deleted`);
  return run;
}

/** The longest that a timer can be set to, 24 days. */
const longest = 2 ** 31 - 1;

const isWanted = ({ metadata }: TaskRun, { task }: Wanted): boolean =>
  !task || metadata.labels?.['tekton.dev/pipelineTask'] === task;

/** The pod of a task of which a step has begun: before, there may be none yet. */
function podOf({ metadata, status }: TaskRun): ShownPod | undefined {
  const begun = status?.steps?.some(({ running, terminated }) => running ?? terminated);
  if (!status?.podName || !(begun || status.completionTime)) return undefined;
  return {
    namespace: metadata.namespace ?? '',
    name: status.podName,
    title: metadata.labels?.['tekton.dev/pipelineTask'] ?? metadata.name,
    steps: (status.steps ?? []).map(({ container }) => container),
  };
}

async function containersOf(
  client: LogSource,
  { namespace, name, steps = [] }: ShownPod,
): Promise<readonly string[]> {
  const found = await client.get<Pod>({ type: kinds.Pod, namespace, name }).catch(absent);
  return found ? (found.spec?.containers ?? []).map((container) => container.name) : steps;
}

/** That a container's log is no longer kept, or that it never started, which Kubernetes calls a bad request. */
const isWithoutLog = (error: unknown): boolean =>
  isReason(error, 'NotFound') || isReason(error, 'BadRequest');

function absent(error: unknown): undefined {
  if (!isReason(error, 'NotFound')) throw error;
}

/** Prints the logs of a pod's containers; one that has none, or never started, hides no other. */
export async function print(client: LogSource, pod: ShownPod, follow: boolean): Promise<void> {
  process.stdout.write(`${pc.bold(pod.title)}\n`);
  for (const container of await containersOf(client, pod)) {
    let printed = false;
    try {
      for await (const text of client.logs({ ...pod, container }, { follow })) {
        printed = true;
        process.stdout.write(text);
      }
    } catch (error) {
      if (!isWithoutLog(error)) throw error;
      printed = true;
      process.stdout.write(pc.dim(`(${(error as Error).message})\n`));
    }
    if (!printed) process.stdout.write(pc.dim('(nothing)\n'));
  }
}

/** The same, an object for each line. */
export async function printJson(client: LogSource, pod: ShownPod, follow: boolean): Promise<void> {
  const { namespace, name, title } = pod;
  for (const container of await containersOf(client, pod)) {
    const about = { namespace, pod: name, task: title, container };
    try {
      const text = client.logs({ ...pod, container }, { follow, timestamps: true });
      for await (const stamped of splitLines(text)) {
        const at = stamped.indexOf(' ');
        const [time, line] = [stamped.slice(0, at), stamped.slice(at + 1)];
        say(JSON.stringify({ ...about, time, line }));
      }
    } catch (error) {
      if (!isWithoutLog(error)) throw error;
      say(JSON.stringify({ ...about, missing: (error as Error).message }));
    }
  }
}
