import type { KubernetesObject, Pipeline, PipelineRun, SourceDocument, Task } from '@tagboat/api';
import { describeError, deterministicName, invalid, type Location, type TagboatError } from '@tagboat/base';
import type { Commit, TreeFile } from '@tagboat/git-client';
import { labelValue, type PlannedRuns, runIdentity, runMetadata } from '../plan-runs.ts';
import { eventTypeOf, placeOf, senderOf, sourceOf, type TriggerEvent, targetOf } from '../trigger-event.ts';
import { fromCatalog } from './catalog.ts';
import { annotationNames, matchesComment, matchesEvent, unknownAnnotations } from './matching.ts';
import { type Found, resolveRun, type Sources } from './resolve.ts';
import { refuseSecrets } from './untrusted.ts';
import { readTemplate } from './variables.ts';

export const tektonDirectory = '.tekton';
const mostFiles = 500;
const largestFile = 2 ** 20;
const largestTogether = 8 * 2 ** 20;

/** What planning asks of others. */
export interface TektonSurroundings extends Pick<Sources, 'inProject' | 'builtIn'> {
  /** The text behind an http(s) URL. @throws `TagboatError` */
  readonly fetchText: (url: string) => Promise<string>;
}

export interface TektonFiles {
  readonly runs: readonly Found<PipelineRun>[];
  readonly pipelines: ReadonlyMap<string, Found<Pipeline>>;
  readonly tasks: ReadonlyMap<string, Found<Task>>;
  /** Objects that nothing acts on. */
  readonly notices: readonly string[];
}

/** The runs of `.tekton/` that an event calls for, each complete in itself. @throws `Invalid` with file:line:column */
export async function runsForTekton(
  event: TriggerEvent,
  commit: Commit,
  surroundings: TektonSurroundings,
): Promise<PlannedRuns> {
  const files = await readTektonFiles(event, commit);
  const sources = sourcesOf(event, commit, { ...surroundings, files });
  const problems: TagboatError[] = [];
  const wanted = files.runs.filter((run) => isWanted(run, event, problems));
  // A run whose conditions cannot be read is left out; it shows where nothing else does.
  if (wanted.length === 0 && problems[0]) throw problems[0];
  const runs: PipelineRun[] = [];
  for (const run of wanted) runs.push(await complete(run, { event, sources }));
  const waiting = files.runs.map(({ object }) => nameOf(object)).join(', ');
  return {
    runs,
    notices: [...files.notices, ...wanted.flatMap(noticesOf), ...problems.map(describeError)],
    ...(runs.length === 0
      ? {
          reason:
            files.runs.length > 0
              ? `no run in .tekton waits for this: ${waiting}`
              : '.tekton holds no PipelineRun',
        }
      : {}),
  };
}

/** Where what runs name comes from; an outsider's run may only name what is in its own files. */
function sourcesOf(
  event: TriggerEvent,
  commit: Commit,
  around: TektonSurroundings & { files: TektonFiles },
): Sources {
  const { files, fetchText, inProject, builtIn } = around;
  const mayAsk = (reference: string) => {
    if (event.pull?.untrusted)
      throw invalid(`code from outside the project may only use files of its own, not ${reference}`);
  };
  return {
    inProject,
    builtIn,
    tasks: files.tasks,
    pipelines: files.pipelines,
    catalog: async (kind, reference) => {
      mayAsk(reference);
      return fromCatalog(fetchText, kind, reference);
    },
    read: (text, file) => readTemplate(text, file, event),
    fetch: async (reference) => {
      if (/^https?:\/\//.test(reference)) {
        mayAsk(reference);
        return { text: await fetchText(reference), file: reference };
      }
      const text = await commit.readText(reference);
      if (text === undefined) throw invalid(`there is no file "${reference}" at this commit`);
      return { text, file: reference };
    },
  };
}

const noticesOf = ({ object, locate }: Found<PipelineRun>): string[] =>
  unknownAnnotations(object.metadata.annotations ?? {}).map(
    (name) => `${locate([]).file}: the annotation ${name} of ${nameOf(object)} is not acted on here`,
  );

/** @param problems takes what cannot be read of the conditions of a run, which is then not wanted */
function isWanted(run: Found<PipelineRun>, event: TriggerEvent, problems: TagboatError[]): boolean {
  const annotations = run.object.metadata.annotations ?? {};
  const { comment, incoming } = event;
  const namespace = annotations[annotationNames.namespace];
  if (namespace !== undefined && namespace !== event.project) return false;
  try {
    if (incoming) return incoming.run.replace(/-$/, '') === nameOf(run.object);
    if (comment?.only !== undefined) return comment.only === nameOf(run.object);
    if (comment?.custom) return matchesComment(annotations, comment.body);
    return matchesEvent(annotations, event);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    problems.push(
      invalid(`${nameOf(run.object)}: ${error.message}`, {
        location: run.locate(['metadata', 'annotations']),
      }),
    );
    return false;
  }
}

/** The name that a repository gives a run. */
export const nameOf = (run: KubernetesObject): string =>
  run.metadata.name ?? (run.metadata.generateName ?? '').replace(/-$/, '');

/** Reads every object below `.tekton/`, with the event's variables in it. @throws `Invalid` */
export async function readTektonFiles(event: TriggerEvent, commit: Commit): Promise<TektonFiles> {
  const found = await filesOf(commit);
  const runs = new Map<string, Found<PipelineRun>>();
  const pipelines = new Map<string, Found<Pipeline>>();
  const tasks = new Map<string, Found<Task>>();
  const notices: string[] = [];
  const texts = await commit.readTexts(found);
  for (const [index, { path }] of found.entries()) {
    for (const document of readTemplate(texts[index] ?? '', path, event)) {
      const object = objectOf(document, path);
      const place = { object, locate: document.locate };
      const into = { PipelineRun: runs, Pipeline: pipelines, Task: tasks }[object.kind] as
        | Map<string, Found>
        | undefined;
      if (!into || !/^tekton\.dev\//.test(object.apiVersion)) {
        notices.push(`${path}: ${object.kind} of ${object.apiVersion} is not acted on here`);
        continue;
      }
      const name = nameOf(object);
      const before = into.get(name);
      if (before)
        throw invalid(
          `expected every ${object.kind} to have a name of its own, found "${name}" also in ${before.locate([]).file}`,
          {
            location: document.locate(['metadata']),
          },
        );
      into.set(name, place);
    }
  }
  return { runs: [...runs.values()], pipelines, tasks, notices };
}

/** Ordinary files of YAML, no more and no larger than anybody needs. @throws `Invalid` */
async function filesOf(commit: Commit): Promise<TreeFile[]> {
  const found = (await commit.files(tektonDirectory)).filter(
    ({ path, mode }) => /\.ya?ml$/.test(path) && mode.startsWith('100'),
  );
  if (found.length > mostFiles)
    throw invalid(`expected at most ${mostFiles} files in ${tektonDirectory}, found ${found.length}`);
  for (const { path, size } of found)
    if (size > largestFile)
      throw invalid(`expected at most ${largestFile} bytes, found ${size}`, { location: { file: path } });
  const together = found.reduce((sum, { size }) => sum + size, 0);
  if (together > largestTogether)
    throw invalid(`expected at most ${largestTogether} bytes in ${tektonDirectory}, found ${together}`);
  return found;
}

function objectOf(document: SourceDocument, file: string): KubernetesObject {
  const value = document.value as Partial<KubernetesObject> | undefined;
  const location: Location = document.locate([]);
  if (
    typeof value !== 'object' ||
    value === null ||
    typeof value.apiVersion !== 'string' ||
    typeof value.kind !== 'string'
  )
    throw invalid(`expected an object with apiVersion and kind in ${file}`, { location });
  const { name, generateName } = (value.metadata ?? {}) as Record<string, unknown>;
  if (typeof name !== 'string' && typeof generateName !== 'string')
    throw invalid(`expected metadata.name in this ${value.kind}`, {
      location: document.locate(['metadata']),
    });
  return value as KubernetesObject;
}

/** The labels by which Pipelines-as-Code's own tools find runs. */
const selectableLabels = (event: TriggerEvent): Record<string, string> => ({
  'app.kubernetes.io/managed-by': 'pipelinesascode.tekton.dev',
  [annotationNames.owner]: labelValue(placeOf(event).owner),
  [annotationNames.name]: labelValue(placeOf(event).name),
  [annotationNames.repository]: labelValue(event.repository),
  [annotationNames.sha]: event.ref.commit.slice(0, 63),
  [annotationNames.eventType]: labelValue(eventTypeOf(event)),
});

/** What Pipelines-as-Code writes on runs of the event. */
const aboutEvent = (event: TriggerEvent): Record<string, string> => ({
  [annotationNames.sha]: event.ref.commit,
  [annotationNames.sender]: senderOf(event),
  [annotationNames.eventType]: eventTypeOf(event),
  [annotationNames.branchOf]: targetOf(event),
  [annotationNames.sourceBranch]: sourceOf(event),
  [annotationNames.title]: event.message.split('\n')[0]!,
  [annotationNames.repository]: event.repository,
  [annotationNames.repositoryUrl]: event.repositoryUrl,
  [annotationNames.owner]: placeOf(event).owner,
  [annotationNames.name]: placeOf(event).name,
  ...(event.pull ? { [annotationNames.pullRequest]: String(event.pull.number) } : {}),
  [annotationNames.sourceUrl]: event.pull?.sourceUrl ?? event.repositoryUrl,
});

async function complete(
  run: Found<PipelineRun>,
  { event, sources }: { event: TriggerEvent; sources: Sources },
): Promise<PipelineRun> {
  const { object } = run;
  const name = nameOf(object);
  const spec = await resolveRun(run, sources);
  if (event.pull?.untrusted) refuseSecrets(spec, run);
  const own = runMetadata(event, {
    name,
    cancelsOlder: object.metadata.annotations?.[annotationNames.cancel] === 'true',
  });
  const strings = (record: Readonly<Record<string, unknown>> = {}) =>
    Object.fromEntries(Object.entries(record).map(([key, value]) => [key, String(value)]));
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: deterministicName(`${name}-${runIdentity(event).short}`, [
        ...runIdentity(event).parts,
        'tekton',
        name,
      ]),
      namespace: event.project,
      labels: {
        ...strings(object.metadata.labels),
        ...own.labels,
        ...selectableLabels(event),
      },
      annotations: {
        ...strings(object.metadata.annotations),
        ...own.annotations,
        ...aboutEvent(event),
      },
    },
    spec,
  };
}
