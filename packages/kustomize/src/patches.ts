import { type KubernetesObject, parseYaml } from '@tagboat/api';
import { describeError, invalid } from '@tagboat/base';
import { default as jsonPatch, type Operation } from 'fast-json-patch';
import type { Entry } from './entry.ts';
import type { Kustomization, PatchEntry } from './kustomization.ts';
import type { SourceTree } from './source-tree.ts';
import { strategicMergePatch } from './strategic-merge.ts';
import { matchesTarget } from './transform.ts';

/** What one patch is made on, and how messages name it. */
interface Patching {
  readonly entries: Entry[];
  readonly name: string;
}

/** Applies a kustomization's patches of every form. @returns what is left: a patch may delete */
export async function patchAll(
  kustomization: Kustomization,
  { tree, directory, entries }: { tree: SourceTree; directory: string; entries: Entry[] },
): Promise<Entry[]> {
  let result = entries;
  const patches: PatchEntry[] = [
    ...(kustomization.patchesStrategicMerge ?? []).map((text) =>
      /[\n:]\s/.test(text) ? { patch: text } : { path: text },
    ),
    ...(kustomization.patches ?? []),
    ...(kustomization.patchesJson6902 ?? []),
  ];
  for (const patch of patches) {
    const { name, bytes = '' } = patch.path
      ? await tree.read(directory, patch.path)
      : { name: 'an inline patch', bytes: patch.patch };
    for (const { value } of parseYaml(bytes.toString(), name)) {
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
    if (!matchesTarget(entry.object, target, entry.original)) continue;
    const { kind, metadata } = entry.object;
    try {
      const copy = structuredClone(entry.object);
      entry.object = jsonPatch.applyPatch(copy, operations, true, true).newDocument;
    } catch (error) {
      const [reason] = describeError(error).split('\n');
      throw invalid(`${name}: cannot be applied to ${kind} ${metadata.name}: ${reason}`);
    }
  }
  return entries;
}

function applyMergePatch(
  patch: KubernetesObject & { $patch?: string },
  { target }: PatchEntry,
  { entries, name }: Patching,
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
  for (const entry of entries) if (meant(entry)) entry.object = mergedIdentity(entry.object, patch);
  return entries;
}

/** A patch changes everything but what an object is and is called. */
function mergedIdentity(object: KubernetesObject, patch: KubernetesObject): KubernetesObject {
  const { kind, apiVersion } = object;
  const { name, namespace } = object.metadata;
  const merged = strategicMergePatch(object, patch);
  const metadata = { ...merged.metadata, name, ...(namespace ? { namespace } : {}) };
  return { ...merged, kind, apiVersion, metadata };
}
