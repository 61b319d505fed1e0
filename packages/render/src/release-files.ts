import { type KubernetesObject, parseYaml } from '@tagboat/api';
import { invalid, notFound } from '@tagboat/base';
import { type Document, isSeq, parseDocument, stringify } from 'yaml';
import {
  inferenceService,
  overlayPath,
  type Release,
  type ServeSettings,
  scrapingAnnotation,
  scrapingNotes,
} from './deployment.ts';
import type { Deploy, ModelSpec } from './model-spec.ts';
import { releaseAnnotations } from './release-annotations.ts';

export interface DeploymentFiles {
  read(path: string): Promise<string | undefined>;
  write(path: string, content: string): Promise<void>;
}

/** Where one environment of a model stands in its deployment repository. */
export interface ReleasePlace {
  /** Holds the kustomization that is deployed. */
  readonly directory: string;
  /** Name of the image entry that a release pins. */
  readonly image: string;
  /** False: the directory is the team's own, so that a release changes its image and nothing else. */
  readonly isScaffolded: boolean;
}

/** Where a model's environment is released: what its `deploy` entry says, else the overlay that Tagboat makes. */
export function releasePlace(
  model: string,
  target: Pick<Deploy, 'environment' | 'path' | 'image'>,
): ReleasePlace {
  return {
    directory: target.path?.replace(/\/+$/, '') ?? overlayPath(target.environment),
    image: target.image ?? model,
    isScaffolded: target.path === undefined,
  };
}

/** The places of a model's environments, in the order they are declared. */
const placesOf = ({ name, spec }: DeployedModel): [string, ReleasePlace][] =>
  (spec?.deploy ?? []).map((target) => [target.environment, releasePlace(name, target)]);

/** What is needed of a model to find its releases. */
export interface DeployedModel {
  readonly name: string;
  readonly spec?: Pick<ModelSpec, 'deploy'> | undefined;
}

interface Kustomization {
  readonly resources?: readonly string[];
  readonly patches?: readonly { readonly path?: string }[];
  readonly images?: readonly { readonly name: string; readonly newName?: string; readonly digest?: string }[];
}

const comment = (lines: readonly string[]) => lines.map((line) => `# ${line}\n`).join('');
const head = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' };
const base = '../../base';
const recordFile = 'release.yaml';
const serveFile = 'serve.yaml';

/** Writes `base/` and an empty overlay per environment, where neither is there; what is there is its owner's. */
export async function scaffoldDeployment(
  files: DeploymentFiles,
  model: string,
  spec: ModelSpec,
): Promise<void> {
  const ours = spec.deploy.filter(({ path }) => path === undefined);
  if (ours.length === 0) return;
  if (!(await findKustomization(files, 'base'))) await writeBase(files, model, spec);
  for (const { environment } of ours) {
    const directory = overlayPath(environment);
    if (await findKustomization(files, directory)) continue;
    const notes = [
      `What runs in ${environment}: a release sets the image here, ${recordFile} and ${serveFile}. The rest is yours;`,
      `patches after ${serveFile} have the last word.`,
    ];
    await files.write(
      `${directory}/kustomization.yaml`,
      comment(notes) + stringify({ ...head, resources: [] }),
    );
  }
}

async function writeBase(files: DeploymentFiles, model: string, spec: ModelSpec): Promise<void> {
  const { serve: _, monitor: __, ...plain } = spec;
  const notes = [
    'Begun by Tagboat, and yours from then on: releases leave it as it is. What tagboat.yaml says of serving',
    `(replicas, resources) each release sets in its overlay's ${serveFile}.`,
  ];
  await files.write(
    'base/inferenceservice.yaml',
    comment(notes) + stringify(inferenceService(model, plain as ModelSpec), { lineWidth: 0 }),
  );
  await files.write('base/kustomization.yaml', stringify({ ...head, resources: ['inferenceservice.yaml'] }));
}

/**
 * Pins a release in an environment. In an overlay that Tagboat made: its image, its facts and how it is served. In a
 * directory of the team's own: the image entry, and the facts beside it, which nothing there refers to. Comments stay.
 * @throws `Invalid` with file:line:column, `NotFound` where a directory of the team's own has no kustomization
 */
export async function pinRelease(
  files: DeploymentFiles,
  place: ReleasePlace,
  release: Release,
): Promise<void> {
  const { directory } = place;
  const found = await findKustomization(files, directory);
  if (!found && !place.isScaffolded)
    throw notFound(`there is no kustomization.yaml in ${directory} of the deployment repository`, {
      hint: 'correct deploy.path in tagboat.yaml, or commit a kustomization there',
    });
  const document = parseDocument(found?.text ?? stringify(head));
  const value = found?.value ?? {};
  if (!value.resources?.length || isPatched(value)) {
    if (!value.resources?.length) document.set('resources', [base]);
    addPatches(document, value.patches ?? [], release);
    if (release.serve) await files.write(`${directory}/${serveFile}`, servePatch(release.tag, release.serve));
  }
  pinImage(document, value.images ?? [], {
    name: place.image,
    newName: release.image,
    digest: release.imageDigest,
  });
  await files.write(
    found?.path ?? `${directory}/kustomization.yaml`,
    document.toString(styleOf(found?.text)),
  );
  await files.write(`${directory}/${recordFile}`, recordOf(release));
}

function pinImage(
  document: Document,
  images: NonNullable<Kustomization['images']>,
  pinned: { readonly name: string; readonly newName: string; readonly digest: string },
): void {
  const index = images.findIndex(({ name }) => name === pinned.name);
  if (index < 0) {
    insert(document, 'images', images.length, [pinned]);
    return;
  }
  for (const [key, item] of Object.entries(pinned)) document.setIn(['images', index, key], item);
  document.deleteIn(['images', index, 'newTag']);
}

const isPatched = ({ patches }: Kustomization) => patches?.some(({ path }) => path === recordFile) ?? false;

/** Ours come first, so that the team's own have the last word; those that are there stay as they stand. */
function addPatches(
  document: Document,
  present: NonNullable<Kustomization['patches']>,
  { model, serve }: Release,
): void {
  const has = (file: string) => present.some(({ path }) => path === file);
  const added = [
    ...(has(recordFile) ? [] : [{ path: recordFile }]),
    ...(serve && !has(serveFile)
      ? [{ path: serveFile, target: { kind: 'InferenceService', name: model } }]
      : []),
  ];
  if (added.length > 0)
    insert(document, 'patches', present.findIndex(({ path }) => path === recordFile) + 1, added);
}

/** Puts entries into a list of the document, beside those that stand there. */
function insert(document: Document, key: string, at: number, entries: readonly object[]): void {
  const list = document.get(key);
  if (isSeq(list) && list.items.length > 0)
    list.items.splice(at, 0, ...entries.map((entry) => document.createNode(entry)));
  else document.set(key, document.createNode(entries));
}

/** The way of writing that a text has: indented lists or not, spaces in braces or not. */
function styleOf(text: string | undefined) {
  return {
    lineWidth: 0,
    indentSeq: !/^- /m.test(text ?? ''),
    flowCollectionPadding: !/[[{][\w"']/.test(text ?? ''),
  };
}

function servePatch(tag: string, { replicas, resources }: ServeSettings): string {
  const operations = [
    { op: 'add', path: '/spec/predictor/minReplicas', value: replicas },
    ...(resources
      ? [
          {
            op: 'add',
            path: '/spec/predictor/containers/0/resources',
            value: { requests: resources, limits: resources },
          },
        ]
      : []),
  ];
  return (
    comment([`How ${tag} is served, by its tagboat.yaml.`]) +
    stringify(operations, { lineWidth: 0, aliasDuplicateObjects: false })
  );
}

function recordOf(release: Release): string {
  const names = releaseAnnotations;
  const record = {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: {
      name: release.model,
      annotations: {
        [names.project]: release.project,
        [names.model]: release.model,
        [names.tag]: release.tag,
        [names.commit]: release.commit,
        [names.run]: release.run,
        [names.modelDigest]: release.modelDigest,
        [names.data]: release.data,
        [names.metrics]: release.metrics,
        ...(release.serve?.scraped ? { [scrapingAnnotation]: 'true' } : {}),
      },
    },
  };
  return comment(release.serve?.scraped ? scrapingNotes : []) + stringify(record, { lineWidth: 0 });
}

/** The files that tell what is released in a model's environments, where they have their usual names. */
export const releaseFiles = (model: DeployedModel): string[] =>
  placesOf(model).flatMap(([, { directory }]) =>
    ['kustomization.yaml', recordFile, serveFile].map((name) => `${directory}/${name}`),
  );

/** What is released in a place, or undefined where nothing is. @throws `Invalid` with file:line:column */
export async function readRelease(
  files: Pick<DeploymentFiles, 'read'>,
  { directory, image }: ReleasePlace,
): Promise<Release | undefined> {
  const [kustomization, record, serve] = await Promise.all([
    findKustomization(files, directory),
    readOne(files, `${directory}/${recordFile}`),
    readOne(files, `${directory}/${serveFile}`),
  ]);
  const pinned = kustomization?.value.images?.find(({ name }) => name === image);
  if (!record || !pinned?.digest) return undefined;
  const { metadata } = record as KubernetesObject;
  const note = metadata?.annotations ?? {};
  const names = releaseAnnotations;
  return {
    model: metadata?.name ?? '',
    project: note[names.project] ?? '',
    image: pinned.newName ?? pinned.name,
    imageDigest: pinned.digest,
    modelDigest: note[names.modelDigest] ?? '',
    tag: note[names.tag] ?? '',
    commit: note[names.commit] ?? '',
    run: note[names.run] ?? '',
    metrics: note[names.metrics] ?? '{}',
    data: note[names.data] ?? '{}',
    ...(Array.isArray(serve) ? { serve: settingsIn(serve, note[scrapingAnnotation] === 'true') } : {}),
  };
}

function settingsIn(
  operations: readonly { path?: string; value?: unknown }[],
  scraped: boolean,
): ServeSettings {
  const set = (end: string) => operations.find(({ path }) => path?.endsWith(end))?.value;
  const resources = (set('/resources') as { limits?: Record<string, string> } | undefined)?.limits;
  return { replicas: Number(set('/minReplicas') ?? 1), scraped, ...(resources ? { resources } : {}) };
}

/** Environment -> what is released there, in the order they are declared. @throws `Invalid` with file:line:column */
export async function readReleases(
  files: Pick<DeploymentFiles, 'read'>,
  model: DeployedModel,
): Promise<Map<string, Release>> {
  const releases = new Map<string, Release>();
  for (const [environment, place] of placesOf(model)) {
    const release = await readRelease(files, place);
    if (release) releases.set(environment, release);
  }
  return releases;
}

async function findKustomization(
  files: Pick<DeploymentFiles, 'read'>,
  directory: string,
): Promise<{ path: string; text: string; value: Kustomization } | undefined> {
  for (const name of ['kustomization.yaml', 'kustomization.yml', 'Kustomization']) {
    const path = `${directory}/${name}`;
    const text = await files.read(path);
    if (text !== undefined) return { path, text, value: checked(text, path) };
  }
  return undefined;
}

/** @throws `Invalid` with file:line:column, before anything is written to it */
function checked(text: string, path: string): Kustomization {
  const [document] = parseYaml(text, path);
  if (!document) return {};
  const value = document.value as Record<string, unknown>;
  for (const key of ['resources', 'patches', 'images'])
    if (value[key] !== undefined && value[key] !== null && !Array.isArray(value[key]))
      throw invalid(`expected a list in ${key}`, { location: document.locate([key]) });
  return value as Kustomization;
}

async function readOne(files: Pick<DeploymentFiles, 'read'>, path: string): Promise<unknown> {
  const text = await files.read(path);
  return text === undefined ? undefined : parseYaml(text, path)[0]?.value;
}
