import type { KubernetesObject } from '@tagboat/api';
import { invalid, TagboatError } from '@tagboat/base';
import { strategicMergePatch } from '@tagboat/kustomize';
import jsonPatch from 'fast-json-patch';
import { parse } from 'yaml';

/** The content types of PATCH (apimachinery `types.PatchType`). */
export const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;

/** RFC 7396. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {};
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

/** The object after a patch of one of `patchTypes`. @throws `Invalid`, `UnsupportedMediaType` */
export function patched(object: KubernetesObject, contentType: string, body: string): KubernetesObject {
  const type = contentType.split(';')[0]!.trim();
  if (type === 'application/json-patch+json') return jsonPatched(object, body);
  if (type === 'application/merge-patch+json') return mergePatch(object, json(body)) as KubernetesObject;
  if (type === 'application/strategic-merge-patch+json')
    return strategicMergePatch(object, json(body) as KubernetesObject);
  if (type === 'application/apply-patch+yaml')
    return strategicMergePatch(object, parse(body) as KubernetesObject);
  throw new TagboatError(
    `the body of the request was in an unknown format - accepted media types include: ${patchTypes.join(', ')}`,
    {
      reason: 'UnsupportedMediaType',
      retryable: false,
    },
  );
}

export function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`the body is no JSON: ${(error as Error).message}`);
  }
}

function jsonPatched(object: KubernetesObject, body: string): KubernetesObject {
  const operations = json(body);
  if (!Array.isArray(operations)) throw invalid('expected a list of JSON patch operations');
  try {
    return jsonPatch.applyPatch(structuredClone(object), operations, true, false).newDocument;
  } catch (error) {
    const { message, name } = error as Error;
    throw new TagboatError(`the patch cannot be applied: ${name}: ${message.split('\n')[0]}`, {
      reason: 'Unprocessable',
      retryable: false,
    });
  }
}
