import {
  kinds,
  maskedSecretsAnnotation,
  type PipelineRun,
  type PlainSecretReference,
  type RepositorySpec,
} from '@tagboat/api';
import { invalid, TagboatError } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import { builtInTask, type ModelFile, modelFileName, readModelFile } from '@tagboat/render';
import type { Reader } from '@tagboat/store';
import { type AicoeConfiguration, aicoeFileNames, readAicoe } from './aicoe.ts';
import { runForAicoe } from './plan-aicoe.ts';
import { type PlannedRuns, type RunSettings, runsForModels } from './plan-runs.ts';
import { defaultSecretKey, secretValue, settingsNotices } from './repository-settings.ts';
import { customParameters } from './tekton/parameters.ts';
import { runsForTekton, tektonDirectory } from './tekton/plan-tekton.ts';
import type { TriggerEvent } from './trigger-event.ts';

export interface PlannerOptions {
  readonly reader: Reader;
  /** The text behind an http(s) URL; tests give their own. */
  readonly fetchText?: (url: string) => Promise<string>;
}

export interface Plan extends PlannedRuns {
  /** The models that the commit declares. */
  readonly models: readonly ModelFile[];
}

const fileNames = [modelFileName, tektonDirectory, ...aicoeFileNames];

/**
 * The runs that an event calls for, by the first of `tagboat.yaml`, `.tekton/` and `.aicoe-ci.yaml` that its commit has.
 * Those that are passed over are named. @throws `Invalid` for files that cannot be read
 */
export async function planRuns(
  options: PlannerOptions,
  event: TriggerEvent,
  about: {
    commit: Commit;
    settings: RunSettings;
    sequence: number;
    /** The commit whose `.tekton/` counts, where it is another. */
    definitions?: Commit;
    /** What the repository says of itself. */
    repository?: RepositorySpec;
  },
): Promise<Plan> {
  const { commit, settings, sequence } = about;
  const definitions = about.definitions ?? commit;
  const present = await presentFiles(commit, definitions);
  const [first, ...passedOver] = present;
  if (first === undefined)
    return {
      models: [],
      runs: [],
      reason: `the repository has no ${modelFileName} at this commit; propose one with: tagboat init`,
    };
  const notices = passedOver.map((name) => `${name} is passed over: ${first} says what runs`);
  const add = (planned: PlannedRuns, models: readonly ModelFile[] = []): Plan => ({
    ...planned,
    models,
    notices: [...notices, ...(planned.notices ?? [])],
  });
  if (first === modelFileName && !event.incoming) {
    const models = readModelFile((await commit.readText(first)) ?? '', first);
    return add(runsForModels(settings, event, { models, sequence }), models);
  }
  if (first === tektonDirectory)
    return add(await tektonRuns(options, event, { definitions, repository: about.repository ?? {} }));
  if (event.incoming) return add({ runs: [], reason: `${first} says what runs, not ${tektonDirectory}` });
  const aicoe = readAicoe((await commit.readText(first)) ?? '', first);
  const secrets = await loginsOf(options.reader, event.project, aicoe);
  return add(await runForAicoe(settings, event, { configuration: aicoe, commit, secrets }));
}

/** The Secrets with logins of registries that are there. */
async function loginsOf(
  reader: Reader,
  namespace: string,
  { build, overlays }: AicoeConfiguration,
): Promise<ReadonlySet<string>> {
  const named = [build, ...overlays.map((overlay) => overlay.build)].flatMap(
    ({ registrySecret }) => registrySecret ?? [],
  );
  const found = new Set<string>();
  for (const name of new Set(named))
    if (await reader.get({ type: kinds.Secret, namespace, name })) found.add(name);
  return found;
}

async function tektonRuns(
  options: PlannerOptions,
  event: TriggerEvent,
  { definitions, repository }: { definitions: Commit; repository: RepositorySpec },
): Promise<PlannedRuns> {
  const { values, secrets, notices } = await customParameters(event, repository.params ?? [], (reference) =>
    secretValue(options.reader, event.project, reference),
  );
  const planned = await runsForTekton({ ...event, variables: values }, definitions, {
    inProject: async (kind, name) =>
      (await options.reader.get({ type: kinds[kind], namespace: event.project, name })) !== undefined,
    builtIn: (name) => (name === 'git-clone' ? builtInTask('git-clone') : undefined),
    fetchText: options.fetchText ?? fetchText,
  });
  const runs = planned.runs.map((run) => withMask(run, secrets));
  return {
    ...planned,
    runs,
    notices: [...notices, ...settingsNotices(repository), ...(planned.notices ?? [])],
  };
}

/** Values of Secrets stand in the run's own text; what it is made of names them, so that logs can mask them. */
function withMask(run: PipelineRun, secrets: readonly PlainSecretReference[]): PipelineRun {
  if (secrets.length === 0) return run;
  const { annotations } = run.metadata;
  const named = secrets.map(({ name, key = defaultSecretKey }) => ({ name, key }));
  return {
    ...run,
    metadata: {
      ...run.metadata,
      annotations: { ...annotations, [maskedSecretsAnnotation]: JSON.stringify(named) },
    },
  };
}

/** Which of the files are there, in order of precedence. */
async function presentFiles(commit: Commit, definitions: Commit): Promise<string[]> {
  const found = await commit.kinds(fileNames);
  const directories = definitions === commit ? found : await definitions.kinds([tektonDirectory]);
  return fileNames.filter((name) =>
    name === tektonDirectory ? directories.get(name) === 'directory' : found.get(name) === 'file',
  );
}

const largestText = 2 ** 20;
/** Milliseconds for one URL, to the last byte. */
const longestFetch = 20_000;
/** HTTP's answers that another time may be others: a timeout, too early, too many requests. */
const passing: ReadonlySet<number> = new Set([408, 425, 429]);

/** The text behind a URL. @throws `Invalid` for what is not there or too large, `Unavailable` for what may come */
export async function fetchText(url: string): Promise<string> {
  const problem = (what: string) =>
    new TagboatError(`${url} cannot be read: ${what}`, { reason: 'Unavailable' });
  try {
    const response = await fetch(rawUrl(url), { signal: AbortSignal.timeout(longestFetch) });
    const { status } = response;
    if (status >= 400 && status < 500 && !passing.has(status))
      throw invalid(`${url} cannot be read: HTTP ${status}`);
    if (!response.ok) throw problem(`HTTP ${status}`);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      // Leaving the loop ends the answer, however long it would be.
      if (size > largestText) throw invalid(`${url} holds more than ${largestText} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    if (error instanceof TagboatError) throw error;
    const { cause, message } = error as Error;
    throw problem(String((cause as Error | undefined)?.message ?? message));
  }
}

/** A forge's page of a file as the file itself. */
export function rawUrl(url: string): string {
  const github = /^https:\/\/github\.com\/([^/]+\/[^/]+)\/blob\/(.+)$/.exec(url);
  if (github) return `https://raw.githubusercontent.com/${github[1]}/${github[2]}`;
  return url.replace(/\/-\/blob\//, '/-/raw/').replace(/^(https?:\/\/[^/]+\/[^/]+\/[^/]+)\/src\//, '$1/raw/');
}
