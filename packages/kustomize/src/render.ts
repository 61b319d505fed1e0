import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type KubernetesObject, parseManifests } from '@tagboat/api';
import { invalid, notFound } from '@tagboat/base';
import type { Entry } from './entry.ts';
import { generate } from './generators.ts';
import { type Kustomization, kustomizationFiles, readKustomization } from './kustomization.ts';
import { patchAll } from './patches.ts';
import { SourceTree } from './source-tree.ts';
import {
  addAnnotations,
  addLabels,
  contentHash,
  renameReferences,
  setImages,
  setNamespace,
  setReplicas,
} from './transform.ts';

/**
 * Renders a kustomization, as `kubectl kustomize` does.
 * @param root nothing outside it is read
 * @throws `Invalid`, `NotFound`, with file:line:column where a file is wrong
 */
export async function renderKustomization(directory: string, root = directory): Promise<KubernetesObject[]> {
  const tree = new SourceTree(resolve(root));
  const entries = await new Renderer(tree).directory(resolve(directory), []);
  const renamed = new Map<string, string>();
  for (const entry of entries) {
    if (!entry.hashed) continue;
    const { kind, metadata } = entry.object;
    const name = `${metadata.name}-${contentHash(entry.object)}`;
    renamed.set(`${kind}/${metadata.name}`, name);
    entry.object = { ...entry.object, metadata: { ...metadata, name } };
  }
  return entries.map(({ object }) => (renamed.size > 0 ? renameReferences(object, renamed) : object));
}

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
    return transform(kustomization, await patchAll(kustomization, { tree, directory: path, entries }));
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
    return parseManifests(await readFile(path, 'utf8'), tree.name(path)).map((object) => ({
      object,
      original: object.metadata.name,
    }));
  }
}

const keepTheirNames: readonly string[] = ['CustomResourceDefinition', 'Namespace', 'APIService'];

/** What a kustomization changes in all of its objects, in kustomize's order. */
function transform(kustomization: Kustomization, entries: Entry[]): Entry[] {
  const { namespace, namePrefix = '', nameSuffix = '' } = kustomization;
  const renamed = new Map<string, string>();
  for (const entry of entries) {
    let { object } = entry;
    if (namespace) object = setNamespace(object, namespace);
    if (namePrefix + nameSuffix !== '' && !keepTheirNames.includes(object.kind)) {
      const name = `${namePrefix}${object.metadata.name}${nameSuffix}`;
      renamed.set(`${object.kind}/${object.metadata.name}`, name);
      object = { ...object, metadata: { ...object.metadata, name } };
    }
    entry.object = described(object, entry.original, kustomization);
  }
  for (const entry of entries) if (renamed.size > 0) entry.object = renameReferences(entry.object, renamed);
  return entries;
}

/** Labels, annotations, replicas and images. */
function described(
  before: KubernetesObject,
  original: string,
  kustomization: Kustomization,
): KubernetesObject {
  const { commonLabels, labels = [], commonAnnotations, replicas, images } = kustomization;
  let object = before;
  if (commonLabels) object = addLabels(object, commonLabels, { selectors: true, templates: true });
  for (const { pairs, includeSelectors = false, includeTemplates = false } of labels)
    object = addLabels(object, pairs, {
      selectors: includeSelectors,
      templates: includeSelectors || includeTemplates,
    });
  if (commonAnnotations) object = addAnnotations(object, commonAnnotations);
  if (replicas) object = setReplicas(object, replicas, original);
  return images ? setImages(object, images) : object;
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
