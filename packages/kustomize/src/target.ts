import { type KubernetesObject, matchesLabels, parseApiVersion, parseSelector } from '@tagboat/api';
import { invalid, withinTime } from '@tagboat/base';
import type { Entry } from './entry.ts';
import type { Target } from './kustomization.ts';

/** Milliseconds: Go's expressions take linear time, others may take forever, and a repository must not stop its platform. */
const longest = 100;

/** Whether a text is what an anchored expression means. @throws `Invalid` for one that is none, or takes too long */
export function matches(pattern: string, text: string): boolean {
  if (/^[\w./-]*$/.test(pattern) && !pattern.includes('.')) return pattern === text;
  try {
    return withinTime(longest, () => new RegExp(`^(?:${pattern})$`).test(text));
  } catch {
    throw invalid(`expected a regular expression in the target of a patch, found "${pattern}"`);
  }
}

/** Whether a target means this object; names are anchored regular expressions, as kustomize has them. */
export function matchesTarget({ object, names }: Entry, target: Target): boolean {
  const { group, version } = parseApiVersion(object.apiVersion);
  const same = (wanted: string | undefined, ...found: string[]) =>
    wanted === undefined || wanted === '' || found.some((value) => matches(wanted, value));
  return (
    same(target.group, group) &&
    same(target.version, version) &&
    same(target.kind, object.kind) &&
    same(target.name, ...names) &&
    same(target.namespace, object.metadata.namespace ?? '') &&
    selects(target.labelSelector, object.metadata.labels) &&
    selects(target.annotationSelector, object.metadata.annotations)
  );
}

const selects = (selector: string | undefined, values: KubernetesObject['metadata']['labels']) =>
  selector === undefined || matchesLabels(values, parseSelector(selector));
