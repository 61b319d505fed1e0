import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type KubernetesObject,
  type ParamSpec,
  type ParamValue,
  type Pipeline,
  type PipelineRun,
  parseYaml,
  type SourceDocument,
  type Task,
  type TaskRun,
} from '@tagboat/api';
import { describeError, invalid, TagboatError } from '@tagboat/base';
import { problemError, validateTekton } from '@tagboat/pipelines';

export interface TektonFiles {
  readonly objects: readonly KubernetesObject[];
  readonly runs: readonly (PipelineRun | TaskRun)[];
  /** Directories with YAML in them, below the one that was read, that were not. */
  readonly unread?: readonly string[];
}

export interface ReadOptions {
  /** The name of the one run, Pipeline or Task that is wanted. */
  readonly only?: string | undefined;
  /** Also what is in directories below. */
  readonly recursive?: boolean | undefined;
}

/** Kinds of a cluster's own administration, which change nothing here. */
const passedOver = new Set([
  'Namespace',
  'LimitRange',
  'ResourceQuota',
  'Role',
  'RoleBinding',
  'ClusterRole',
  'ClusterRoleBinding',
]);

/**
 * Reads a YAML file, one at an http or https URL, `-` for standard input, or every YAML file of a directory.
 * @throws `Invalid` with file:line:column for what Tekton's admission would refuse
 */
export async function readTektonFiles(
  path: string,
  { only, recursive = false }: ReadOptions = {},
): Promise<TektonFiles> {
  const documents: SourceDocument[] = [];
  const { texts, unread } = await textsOf(path, recursive);
  for (const { text, name } of texts) documents.push(...parseYaml(text, name));
  const objects: KubernetesObject[] = [];
  for (const document of documents) {
    const object = document.value as KubernetesObject;
    if (typeof object?.kind !== 'string' || typeof object.apiVersion !== 'string')
      throw invalid('expected an object with apiVersion and kind', { location: document.locate([]) });
    if (passedOver.has(object.kind)) continue;
    const problem = validateTekton(object)[0];
    if (problem) throw problemError(object, problem, document);
    objects.push(object);
  }
  return { ...choose(objects, path, only), unread };
}

interface Texts {
  readonly texts: readonly { readonly text: string; readonly name: string }[];
  readonly unread: readonly string[];
}

const single = (text: string, name: string): Texts => ({ texts: [{ text, name }], unread: [] });

async function textsOf(path: string, recursive: boolean): Promise<Texts> {
  if (path === '-') {
    const parts: Buffer[] = [];
    for await (const part of process.stdin) parts.push(part as Buffer);
    return single(Buffer.concat(parts).toString('utf8'), '-');
  }
  if (/^https?:\/\//.test(path)) return single(await fetched(path), path);
  const found = await stat(path).catch(() => {
    throw invalid(`there is no file or directory ${path}`);
  });
  if (!found.isDirectory()) return single(await readFile(path, 'utf8'), path);
  const entries = await readdir(path, { withFileTypes: true, recursive });
  const names = entries.filter(isYaml).map((entry) => join(entry.parentPath, entry.name));
  const unread = recursive ? [] : await directoriesWithYaml(path, entries);
  if (names.length === 0)
    throw invalid(`there is no YAML file in ${path}`, unread.length > 0 ? { hint: hintOf(unread) } : {});
  const texts = names.sort().map(async (name) => ({ text: await readFile(name, 'utf8'), name }));
  return { texts: await Promise.all(texts), unread };
}

const isYaml = (entry: Dirent) => !entry.isDirectory() && /\.ya?ml$/.test(entry.name);

async function directoriesWithYaml(path: string, entries: readonly Dirent[]): Promise<string[]> {
  const found = await Promise.all(
    entries.map(async (entry) => {
      if (!entry.isDirectory() || entry.name.startsWith('.')) return [];
      const inner = await readdir(join(path, entry.name), { withFileTypes: true });
      return inner.some(isYaml) ? [entry.name] : [];
    }),
  );
  return found.flat().sort();
}

/** How to have directories read that were not. */
export const hintOf = (unread: readonly string[]): string => `${unread.join(', ')} below: read with -R`;

/** The longest time (milliseconds) and text (bytes) that a file of the web may take. */
const fetchTime = 30_000;
const fetchSize = 4 * 2 ** 20;

async function fetched(url: string): Promise<string> {
  const cannot = (why: string) => new TagboatError(`cannot fetch ${url}: ${why}`, { reason: 'Unavailable' });
  const parts: Uint8Array[] = [];
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(fetchTime) });
    if (!response.ok) throw cannot(`${response.status} ${response.statusText}`.trim());
    let size = 0;
    for await (const part of response.body ?? []) {
      size += part.length;
      if (size > fetchSize) throw cannot(`it has more than ${fetchSize} bytes`);
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof TagboatError) throw error;
    throw cannot(describeError((error as Error).cause ?? error));
  }
  return Buffer.concat(parts).toString('utf8');
}

const isRun = ({ kind }: KubernetesObject) => kind === 'PipelineRun' || kind === 'TaskRun';
const nameOf = ({ metadata }: KubernetesObject) => metadata?.name ?? metadata?.generateName ?? '';

function choose(all: readonly KubernetesObject[], path: string, only: string | undefined): TektonFiles {
  const objects = all.filter((object) => !isRun(object));
  const named = (items: readonly KubernetesObject[]) =>
    only === undefined ? items : items.filter((item) => nameOf(item).replace(/-$/, '') === only);
  const runs = named(all.filter(isRun)) as (PipelineRun | TaskRun)[];
  if (runs.length > 0) return { objects, runs };
  for (const kind of ['Pipeline', 'Task']) {
    const found = named(objects.filter((object) => object.kind === kind));
    if (found.length === 1) return { objects, runs: [runOf(found[0]!)] };
    if (found.length > 1)
      throw invalid(`which ${kind}?`, {
        hint: `say it with --name; there are ${found.map(nameOf).join(', ')}`,
      });
  }
  throw invalid(`there is no Task, Pipeline, TaskRun or PipelineRun${only ? ` "${only}"` : ''} in ${path}`);
}

/** A run of a Pipeline or Task that has none in its files. */
function runOf(object: KubernetesObject): PipelineRun | TaskRun {
  const { name } = object.metadata;
  const metadata = { name: '', generateName: `${name.slice(0, 50)}-run-` };
  return object.kind === 'Pipeline'
    ? { apiVersion: 'tekton.dev/v1', kind: 'PipelineRun', metadata, spec: { pipelineRef: { name } } }
    : { apiVersion: 'tekton.dev/v1', kind: 'TaskRun', metadata, spec: { taskRef: { name } } };
}

interface Declarations {
  readonly params: readonly ParamSpec[];
  readonly workspaces: readonly { name: string; optional?: boolean }[];
}

/** The params and workspaces of what a run runs; undefined where that is not in the files. */
export function declarationsOf(
  run: PipelineRun | TaskRun,
  objects: readonly KubernetesObject[],
): Declarations | undefined {
  const { pipelineSpec, pipelineRef } = (run as PipelineRun).spec ?? {};
  const { taskSpec, taskRef } = (run as TaskRun).spec ?? {};
  const reference = pipelineRef ?? taskRef;
  const kind = pipelineRef ? 'Pipeline' : 'Task';
  const referenced = objects.find(
    (object) => object.kind === kind && object.metadata.name === reference?.name,
  );
  const spec = pipelineSpec ?? taskSpec ?? (referenced as Pipeline | Task | undefined)?.spec;
  return spec && { params: spec.params ?? [], workspaces: spec.workspaces ?? [] };
}

/** A param's value from the command line: text, or JSON where the param is an array or object. @throws `Invalid` */
export function paramValue(name: string, text: string, specs: readonly ParamSpec[]): ParamValue {
  const spec = specs.find((item) => item.name === name);
  const type =
    spec?.type ?? (spec?.properties ? 'object' : Array.isArray(spec?.default) ? 'array' : 'string');
  if (type === 'string') return text;
  if (type === 'array' && !text.startsWith('[')) return text.split(',');
  try {
    return JSON.parse(text) as ParamValue;
  } catch {
    throw invalid(`expected the param "${name}" as JSON, since it is of type ${type}, found "${text}"`);
  }
}

const features: readonly [string, RegExp][] = [
  ['CEL in when expressions', /"cel":/],
  ['param enum', /"enum":\[/],
  ['artifacts', /\$\((step\.)?artifacts\.path\)|\.(outputs|inputs)\.[\w-]+\)/],
  ['debug', /"debug":\{"breakpoints"/],
  ['stdoutConfig and stderrConfig', /"std(out|err)Config":/],
];

/** What these files use that Tekton has behind its alpha gate. */
export function alphaFeatures({ objects, runs }: TektonFiles): string[] {
  const all = [...objects, ...runs];
  const text = JSON.stringify(all);
  const nested = all.some((object) => {
    const spec = (object as PipelineRun).spec?.pipelineSpec ?? (object as Pipeline).spec;
    return spec?.tasks?.some((task) => task.pipelineRef ?? task.pipelineSpec);
  });
  return [
    ...features.filter(([, pattern]) => pattern.test(text)).map(([name]) => name),
    ...(nested ? ['pipelines in pipelines'] : []),
  ];
}
