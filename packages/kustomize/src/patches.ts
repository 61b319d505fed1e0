import { type KubernetesObject, parseYaml } from '@tagboat/api';
import { describeError, invalid } from '@tagboat/base';
import { default as jsonPatch, type Operation } from 'fast-json-patch';
import type { Entry } from './entry.ts';
import type { Kustomization, PatchEntry } from './kustomization.ts';
import type { SourceTree } from './source-tree.ts';
import { strategicMergePatch } from './strategic-merge.ts';
import { matchesTarget } from './target.ts';

/** What one patch is made on, and how messages name it. */
interface Patching {
  readonly entries: Entry[];
  readonly name: string;
}

interface Place {
  readonly tree: SourceTree;
  readonly directory: string;
  readonly entries: Entry[];
}

/** Applies a kustomization's patches, but those of `patchesJson6902`. @returns what is left: a patch may delete */
export function patchAll(kustomization: Kustomization, place: Place): Promise<Entry[]> {
  return apply(
    [
      ...(kustomization.patchesStrategicMerge ?? []).map((text) =>
        /[\n:]\s/.test(text) ? { patch: text } : { path: text },
      ),
      ...(kustomization.patches ?? []),
    ],
    place,
  );
}

/** `patchesJson6902`, which come after what names and labels. */
export const patchLate = (kustomization: Kustomization, place: Place): Promise<Entry[]> =>
  apply(kustomization.patchesJson6902 ?? [], place);

async function apply(patches: readonly PatchEntry[], { tree, directory, entries }: Place): Promise<Entry[]> {
  let result = entries;
  for (const patch of patches) {
    const { name, bytes = '' } = patch.path
      ? await tree.read(directory, patch.path)
      : { name: 'an inline patch', bytes: patch.patch };
    const documents = parseYaml(bytes.toString(), name);
    if (documents.length === 0) throw invalid(`${name}: expected a patch, found nothing`);
    for (const { value } of documents) {
      const patching = { entries: result, name };
      result = Array.isArray(value)
        ? applyJsonPatch(value as Operation[], patch, patching)
        : applyMergePatch(value as KubernetesObject, patch, patching);
    }
  }
  return result;
}

function applyJsonPatch(
  operations: Operation[],
  { target }: PatchEntry,
  { entries, name }: Patching,
): Entry[] {
  if (!target) throw invalid(`${name}: a JSON patch needs a target`);
  for (const entry of entries) {
    if (!matchesTarget(entry, target)) continue;
    const { kind, metadata } = entry.object;
    try {
      const copy = structuredClone(entry.object);
      entry.object = jsonPatch.applyPatch(copy, operations, true, true).newDocument;
    } catch (error) {
      const [reason] = describeError(error).split('\n');
      throw invalid(`${name}: cannot be applied to ${kind} ${metadata.name}: ${reason}`);
    }
    if (typeof entry.object?.metadata?.name !== 'string')
      throw invalid(`${name}: takes the name of ${kind} ${metadata.name} away`);
    entry.names.add(entry.object.metadata.name);
  }
  return entries;
}

function applyMergePatch(
  patch: KubernetesObject & { $patch?: string },
  { target, options = {} }: PatchEntry,
  { entries, name }: Patching,
): Entry[] {
  if (patch === null || typeof patch !== 'object') throw invalid(`${name}: expected a patch, found a text`);
  const meant = entries.filter((entry) => (target ? matchesTarget(entry, target) : isNamed(entry, patch)));
  if (!target && meant.length !== 1)
    throw invalid(
      `${name}: there is ${meant.length === 0 ? 'no' : 'more than one'} ${patch.kind} "${patch.metadata?.name}" to patch`,
      meant.length === 0 ? {} : { hint: 'say which by a target, or by metadata.namespace' },
    );
  if (patch.$patch === 'delete') return entries.filter((entry) => !meant.includes(entry));
  for (const entry of meant) {
    const { kind, apiVersion, metadata } = entry.object;
    const merged = strategicMergePatch(entry.object, patch);
    const { name: newName, ...rest } = merged.metadata;
    entry.object = {
      ...merged,
      ...(options.allowKindChange ? {} : { kind, apiVersion }),
      metadata: {
        ...rest,
        name: options.allowNameChange ? newName : metadata.name,
        ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
      },
    };
    entry.names.add(entry.object.metadata.name);
    entry.kinds.add(entry.object.kind);
  }
  return entries;
}

/** Whether a patch without a target means an object: by the name that this has or had. */
function isNamed({ object, names, kinds }: Entry, patch: KubernetesObject): boolean {
  const { name = '', namespace } = patch.metadata ?? {};
  return (
    kinds.has(patch.kind) &&
    object.apiVersion === patch.apiVersion &&
    names.has(name) &&
    (namespace === undefined || (object.metadata.namespace ?? namespace) === namespace)
  );
}
