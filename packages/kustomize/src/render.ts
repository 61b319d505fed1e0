import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type KubernetesObject, parseManifests } from '@tagboat/api';
import { invalid, notFound } from '@tagboat/base';
import { type Entry, entryOf, type Move } from './entry.ts';
import { generate } from './generators.ts';
import { type Kustomization, kustomizationFiles, readKustomization } from './kustomization.ts';
import { patchAll, patchLate } from './patches.ts';
import { renameReferences } from './references.ts';
import { replaceAll } from './replacements.ts';
import { SourceTree } from './source-tree.ts';
import {
  addAnnotations,
  addLabels,
  contentHash,
  isClusterScoped,
  setImages,
  setNamespace,
  setReplicas,
  withTexts,
} from './transform.ts';

/**
 * Renders a kustomization, as `kubectl kustomize` does.
 * @param root nothing outside it is read
 * @throws `Invalid`, `NotFound`, with file:line:column where a file is wrong
 */
export async function renderKustomization(directory: string, root = directory): Promise<KubernetesObject[]> {
  const tree = new SourceTree(resolve(root));
  const entries = await new Renderer(tree).directory(resolve(directory), []);
  const moves: Move[] = [];
  for (const entry of entries) {
    if (!entry.hashed) continue;
    const name = `${entry.object.metadata.name}-${contentHash(entry.object)}`;
    moves.push(moveOf(entry.object, { name }));
    entry.object = { ...entry.object, metadata: { ...entry.object.metadata, name } };
  }
  return entries.map(({ object }) => (moves.length > 0 ? renameReferences(object, moves) : object));
}

function moveOf({ kind, metadata }: KubernetesObject, to: { name?: string; namespace?: string }): Move {
  const { name, namespace = '' } = metadata;
  return { kind, name, namespace: isClusterScoped(kind) ? '*' : namespace, to: { name, namespace, ...to } };
}

/** A kustomization that includes others over and over makes no end of objects. */
const mostObjects = 20_000;

class Renderer {
  readonly #tree: SourceTree;

  constructor(tree: SourceTree) {
    this.#tree = tree;
  }

  async directory(path: string, chain: readonly string[], base: readonly Entry[] = []): Promise<Entry[]> {
    const tree = this.#tree;
    const within = [...chain, path];
    if (chain.includes(path))
      throw invalid(
        `kustomizations include each other in a circle: ${within.map((part) => tree.name(part)).join(' -> ')}`,
      );
    const { name, bytes } = await this.#kustomizationFile(path);
    const kustomization = readKustomization(bytes.toString('utf8'), name);
    let entries: Entry[] = [...base];
    for (const resource of kustomization.resources ?? [])
      entries.push(...(await this.#resource(path, resource, within)));
    for (const component of kustomization.components ?? [])
      entries = await this.directory(await tree.inside(path, component), within, entries);
    await generate(kustomization, { tree, directory: path, entries });
    refuseTwice(entries, name);
    if (entries.length > mostObjects)
      throw invalid(`${name}: expected at most ${mostObjects} objects, found ${entries.length}`);
    const patched = await patchAll(kustomization, { tree, directory: path, entries });
    const named = transform(kustomization, patched);
    const late = await patchLate(kustomization, { tree, directory: path, entries: named });
    setCounts(kustomization, late, name);
    if (kustomization.images)
      for (const entry of late) entry.object = setImages(entry.object, kustomization.images);
    await replaceAll(kustomization, { tree, directory: path, entries: late });
    refuseTwice(late, name);
    return late;
  }

  async #kustomizationFile(directory: string): Promise<{ name: string; bytes: Buffer }> {
    for (const name of kustomizationFiles)
      if ((await stat(join(directory, name)).catch(() => undefined))?.isFile())
        return this.#tree.read(directory, name);
    throw notFound(
      `expected one of ${kustomizationFiles.join(', ')} in ${this.#tree.name(directory)}, found none`,
    );
  }

  async #resource(directory: string, resource: string, chain: readonly string[]): Promise<Entry[]> {
    const tree = this.#tree;
    if (/^(https?|git|ssh):|^git@|\?ref=|^github\.com\//.test(resource))
      throw invalid(`"${resource}" is fetched from elsewhere, which this renderer does not do`, {
        hint: 'copy it into the repository',
      });
    const path = await tree.inside(directory, resource);
    const found = await stat(path).catch(() => undefined);
    if (!found)
      throw notFound(`${tree.name(directory)} names the resource "${resource}", which does not exist`);
    if (found.isDirectory()) return this.directory(path, chain);
    return parseManifests(await readFile(path, 'utf8'), tree.name(path)).map((object) =>
      entryOf(withTexts(object)),
    );
  }
}

const keepTheirNames: readonly string[] = ['CustomResourceDefinition', 'Namespace', 'APIService'];

/** Namespaces, names, labels and annotations, in kustomize's order. */
function transform(kustomization: Kustomization, entries: Entry[]): Entry[] {
  const { namespace, namePrefix = '', nameSuffix = '' } = kustomization;
  const moves: Move[] = [];
  const namespaces = entries.map(({ object }) => object.metadata.namespace ?? '');
  for (const entry of entries) {
    const before = entry.object;
    let object = namespace ? setNamespace(before, namespace) : before;
    if (namePrefix + nameSuffix !== '' && !keepTheirNames.includes(object.kind)) {
      const name = `${namePrefix}${object.metadata.name}${nameSuffix}`;
      object = { ...object, metadata: { ...object.metadata, name } };
    }
    const { name, namespace: where = '' } = object.metadata;
    if (name !== before.metadata.name || where !== (before.metadata.namespace ?? ''))
      moves.push(moveOf(before, { name, namespace: where }));
    entry.object = described(object, kustomization);
    entry.names.add(name);
  }
  if (moves.length > 0)
    for (const [index, entry] of entries.entries())
      entry.object = renameReferences(entry.object, moves, namespaces[index]);
  return entries;
}

function described(before: KubernetesObject, kustomization: Kustomization): KubernetesObject {
  const { commonLabels, labels = [], commonAnnotations } = kustomization;
  let object = before;
  if (commonLabels) object = addLabels(object, commonLabels, { selectors: true, templates: true });
  for (const { pairs, includeSelectors = false, includeTemplates = false } of labels)
    object = addLabels(object, pairs, {
      selectors: includeSelectors,
      templates: includeSelectors || includeTemplates,
    });
  return commonAnnotations ? addAnnotations(object, commonAnnotations) : object;
}

/** @throws `NotFound` for a name that nothing with replicas has */
function setCounts({ replicas = [] }: Kustomization, entries: readonly Entry[], file: string): void {
  for (const { name, count } of replicas) {
    const meant = entries.filter(
      ({ names, object }) => names.has(name) && setReplicas(object, count) !== object,
    );
    if (meant.length === 0)
      throw notFound(`${file}: replicas: there is nothing with replicas called "${name}"`);
    for (const entry of meant) entry.object = setReplicas(entry.object, count);
  }
}

function refuseTwice(entries: readonly Entry[], file: string): void {
  const seen = new Set<string>();
  for (const { object } of entries) {
    const { kind, apiVersion, metadata } = object;
    const id = [apiVersion.split('/')[0], kind, metadata.namespace ?? '', metadata.name].join('|');
    if (seen.has(id)) throw invalid(`${file}: ${kind} "${metadata.name}" is there twice`);
    seen.add(id);
  }
}
