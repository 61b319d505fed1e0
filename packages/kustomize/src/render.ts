import { readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { type KubernetesObject, parseManifests, parseYaml } from '@tagboat/api';
import { describeError, invalid, notFound } from '@tagboat/base';
import { default as jsonPatch, type Operation } from 'fast-json-patch';
import {
  type GeneratorArgs,
  type GeneratorOptions,
  type Kustomization,
  kustomizationFiles,
  type PatchEntry,
  readKustomization,
} from './kustomization.ts';
import { strategicMergePatch } from './strategic-merge.ts';
import {
  addAnnotations,
  addLabels,
  contentHash,
  matchesTarget,
  renameReferences,
  setImages,
  setNamespace,
  setReplicas,
} from './transform.ts';

/** An object on its way, with the name its file gave it. */
interface Entry {
  object: KubernetesObject;
  readonly original: string;
  /** Gets its content's hash after its name. */
  hashed?: boolean;
}

/**
 * Renders a kustomization, as `kubectl kustomize` does.
 * @param root nothing outside it is read
 * @throws `Invalid`, `NotFound`, with file:line:column where a file is wrong
 */
export async function renderKustomization(directory: string, root = directory): Promise<KubernetesObject[]> {
  const entries = await new Renderer(resolve(root)).directory(resolve(directory), []);
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
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async directory(path: string, chain: readonly string[], base: readonly Entry[] = []): Promise<Entry[]> {
    if (chain.includes(path))
      throw invalid(
        `kustomizations include each other in a circle: ${[...chain, path].map((part) => this.#name(part)).join(' -> ')}`,
      );
    const file = await this.#kustomizationFile(path);
    const text = await readFile(file, 'utf8');
    const kustomization = readKustomization(text, this.#name(file));
    let entries: Entry[] = [...base];
    for (const resource of kustomization.resources ?? [])
      entries.push(...(await this.#resource(path, resource, [...chain, path])));
    for (const component of kustomization.components ?? [])
      entries = await this.directory(this.#inside(path, component), [...chain, path], entries);
    await this.#generate(path, kustomization, entries);
    refuseTwice(entries, this.#name(file));
    return this.#transform(path, kustomization, entries);
  }

  async #kustomizationFile(directory: string): Promise<string> {
    for (const name of kustomizationFiles) {
      const path = join(directory, name);
      if ((await stat(path).catch(() => undefined))?.isFile()) return path;
    }
    throw notFound(
      `expected one of ${kustomizationFiles.join(', ')} in ${this.#name(directory)}, found none`,
    );
  }

  async #resource(directory: string, resource: string, chain: readonly string[]): Promise<Entry[]> {
    if (/^(https?|git|ssh):|^git@|\?ref=|^github\.com\//.test(resource))
      throw invalid(`"${resource}" is fetched from elsewhere, which this renderer does not do`, {
        hint: 'copy it into the repository',
      });
    const path = this.#inside(directory, resource);
    const found = await stat(path).catch(() => undefined);
    if (!found)
      throw notFound(`${this.#name(directory)} names the resource "${resource}", which does not exist`);
    if (found.isDirectory()) return this.directory(path, chain);
    return parseManifests(await readFile(path, 'utf8'), this.#name(path)).map((object) => ({
      object,
      original: object.metadata.name,
    }));
  }

  async #generate(directory: string, kustomization: Kustomization, entries: Entry[]): Promise<void> {
    const generators = [
      ...(kustomization.configMapGenerator ?? []).map((args) => ({ kind: 'ConfigMap', args })),
      ...(kustomization.secretGenerator ?? []).map((args) => ({ kind: 'Secret', args })),
    ];
    for (const { kind, args } of generators) {
      const options = mergeOptions(kustomization.generatorOptions, args.options);
      const object = await this.#generated(directory, kind, { args, options });
      const before = entries.find((entry) => entry.object.kind === kind && entry.original === args.name);
      const hashed = !options.disableNameSuffixHash;
      if (args.behavior === 'merge' && before) before.object = strategicMergePatch(before.object, object);
      else if (args.behavior === 'replace' && before) before.object = object;
      else if (args.behavior === 'merge' || args.behavior === 'replace')
        throw notFound(`${kind} "${args.name}" is to be changed by a generator, but does not exist`);
      else entries.push({ object, original: args.name, hashed });
    }
  }

  async #generated(
    directory: string,
    kind: string,
    { args, options }: { args: GeneratorArgs; options: GeneratorOptions },
  ): Promise<KubernetesObject> {
    const values: [string, Buffer][] = [];
    for (const entry of args.files ?? []) {
      const [key, path] = entry.includes('=')
        ? [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]
        : [basename(entry), entry];
      values.push([key, await readFile(this.#inside(directory, path))]);
    }
    for (const literal of args.literals ?? []) {
      const index = literal.indexOf('=');
      if (index < 1) throw invalid(`expected key=value in a literal of ${args.name}, found "${literal}"`);
      values.push([
        literal.slice(0, index),
        Buffer.from(literal.slice(index + 1).replace(/^(["'])(.*)\1$/s, '$2')),
      ]);
    }
    for (const path of [...(args.envs ?? []), ...(args.env ? [args.env] : [])])
      for (const line of (await readFile(this.#inside(directory, path), 'utf8')).split(/\r?\n/))
        if (/^[^#\s][^=]*=/.test(line))
          values.push([
            line.slice(0, line.indexOf('=')).trim(),
            Buffer.from(line.slice(line.indexOf('=') + 1)),
          ]);
    const binary = (value: Buffer) => !value.equals(Buffer.from(value.toString('utf8')));
    const metadata = {
      name: args.name,
      ...(args.namespace ? { namespace: args.namespace } : {}),
      ...(options.labels ? { labels: { ...options.labels } } : {}),
      ...(options.annotations ? { annotations: { ...options.annotations } } : {}),
    };
    const immutable = options.immutable ? { immutable: true } : {};
    if (kind === 'Secret') {
      const data = Object.fromEntries(values.map(([key, value]) => [key, value.toString('base64')]));
      return {
        apiVersion: 'v1',
        kind,
        metadata,
        type: args.type ?? 'Opaque',
        ...(values.length > 0 ? { data } : {}),
        ...immutable,
      } as unknown as KubernetesObject;
    }
    const texts = values
      .filter(([, value]) => !binary(value))
      .map(([key, value]) => [key, value.toString('utf8')]);
    const bytes = values
      .filter(([, value]) => binary(value))
      .map(([key, value]) => [key, value.toString('base64')]);
    return {
      apiVersion: 'v1',
      kind,
      metadata,
      ...(texts.length > 0 ? { data: Object.fromEntries(texts) } : {}),
      ...(bytes.length > 0 ? { binaryData: Object.fromEntries(bytes) } : {}),
      ...immutable,
    } as unknown as KubernetesObject;
  }

  async #transform(directory: string, kustomization: Kustomization, entries: Entry[]): Promise<Entry[]> {
    let result = entries;
    const patches: PatchEntry[] = [
      ...(kustomization.patchesStrategicMerge ?? []).map((text) =>
        /[\n:]\s/.test(text) ? { patch: text } : { path: text },
      ),
      ...(kustomization.patches ?? []),
      ...(kustomization.patchesJson6902 ?? []),
    ];
    for (const patch of patches) result = await this.#patch(directory, patch, result);
    const {
      namespace,
      namePrefix = '',
      nameSuffix = '',
      commonLabels,
      commonAnnotations,
      images,
      replicas,
    } = kustomization;
    const renamed = new Map<string, string>();
    for (const entry of result) {
      let { object } = entry;
      if (namespace) object = setNamespace(object, namespace);
      if (
        namePrefix + nameSuffix !== '' &&
        !['CustomResourceDefinition', 'Namespace', 'APIService'].includes(object.kind)
      ) {
        const name = `${namePrefix}${object.metadata.name}${nameSuffix}`;
        renamed.set(`${object.kind}/${object.metadata.name}`, name);
        object = { ...object, metadata: { ...object.metadata, name } };
      }
      if (commonLabels) object = addLabels(object, commonLabels, { selectors: true, templates: true });
      for (const { pairs, includeSelectors = false, includeTemplates = false } of kustomization.labels ?? [])
        object = addLabels(object, pairs, {
          selectors: includeSelectors,
          templates: includeSelectors || includeTemplates,
        });
      if (commonAnnotations) object = addAnnotations(object, commonAnnotations);
      if (replicas) object = setReplicas(object, replicas, entry.original);
      if (images) object = setImages(object, images);
      entry.object = object;
    }
    for (const entry of result) if (renamed.size > 0) entry.object = renameReferences(entry.object, renamed);
    return result;
  }

  async #patch(directory: string, entry: PatchEntry, entries: Entry[]): Promise<Entry[]> {
    const file = entry.path ? this.#inside(directory, entry.path) : undefined;
    const text = file ? await this.#read(file) : (entry.patch ?? '');
    const name = file ? this.#name(file) : 'an inline patch';
    let result = entries;
    for (const { value } of parseYaml(text, name))
      result = Array.isArray(value)
        ? this.#jsonPatch(value as Operation[], entry, { entries: result, name })
        : this.#mergePatch(value as KubernetesObject, entry, { entries: result, name });
    return result;
  }

  #jsonPatch(
    operations: Operation[],
    { target }: PatchEntry,
    { entries, name }: { entries: Entry[]; name: string },
  ): Entry[] {
    if (!target) throw invalid(`${name}: a JSON patch needs a target`);
    for (const entry of entries) {
      if (!matchesTarget(entry.object, target, entry.original)) continue;
      try {
        entry.object = jsonPatch.applyPatch(
          structuredClone(entry.object),
          operations,
          true,
          true,
        ).newDocument;
      } catch (error) {
        throw invalid(
          `${name}: cannot be applied to ${entry.object.kind} ${entry.object.metadata.name}: ${describeError(error).split('\n')[0]}`,
        );
      }
    }
    return entries;
  }

  #mergePatch(
    patch: KubernetesObject & { $patch?: string },
    { target }: PatchEntry,
    { entries, name }: { entries: Entry[]; name: string },
  ): Entry[] {
    const meant = (entry: Entry) =>
      target
        ? matchesTarget(entry.object, target, entry.original)
        : entry.object.kind === patch.kind &&
          entry.object.apiVersion === patch.apiVersion &&
          [entry.object.metadata.name, entry.original].includes(patch.metadata?.name);
    if (!target && !entries.some(meant))
      throw invalid(`${name}: there is no ${patch.kind} "${patch.metadata?.name}" to patch`);
    if (patch.$patch === 'delete') return entries.filter((entry) => !meant(entry));
    for (const entry of entries) {
      if (!meant(entry)) continue;
      const { name: keptName, namespace } = entry.object.metadata;
      const merged = strategicMergePatch(entry.object, patch);
      entry.object = {
        ...merged,
        kind: entry.object.kind,
        apiVersion: entry.object.apiVersion,
        metadata: { ...merged.metadata, name: keptName, ...(namespace ? { namespace } : {}) },
      };
    }
    return entries;
  }

  async #read(path: string): Promise<string> {
    return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw notFound(`${this.#name(path)} does not exist`);
      throw error;
    });
  }

  #inside(directory: string, path: string): string {
    const full = resolve(directory, path);
    if (full !== this.#root && !full.startsWith(this.#root + sep))
      throw invalid(`"${path}" in ${this.#name(directory)} leads outside the repository`);
    return full;
  }

  #name(path: string): string {
    return relative(this.#root, path) || '.';
  }
}

function refuseTwice(entries: readonly Entry[], file: string): void {
  const seen = new Set<string>();
  for (const { object } of entries) {
    const id = [
      object.apiVersion.split('/')[0],
      object.kind,
      object.metadata.namespace ?? '',
      object.metadata.name,
    ].join('|');
    if (seen.has(id)) throw invalid(`${file}: ${object.kind} "${object.metadata.name}" is there twice`);
    seen.add(id);
  }
}

function mergeOptions(common: GeneratorOptions = {}, own: GeneratorOptions = {}): GeneratorOptions {
  return {
    ...common,
    ...own,
    ...(common.labels || own.labels ? { labels: { ...common.labels, ...own.labels } } : {}),
    ...(common.annotations || own.annotations
      ? { annotations: { ...common.annotations, ...own.annotations } }
      : {}),
  };
}
