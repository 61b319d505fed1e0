import { createHash } from 'node:crypto';
import { maxNameLength } from '@tagboat/base';

const md5Length = 32;

/**
 * The name of something made for a parent: `<parent><suffix>`, with an md5 in it past 63 characters
 * (knative.dev/pkg kmeta `ChildName`, so that names are those a cluster would give).
 */
export function childName(parent: string, suffix: string): string {
  const room = maxNameLength - md5Length;
  if (parent.length + suffix.length <= maxNameLength) return parent + suffix;
  if (suffix.length >= room) {
    const name = parent.slice(0, room) + md5(parent + suffix);
    return (name + suffix.slice(0, maxNameLength - name.length)).replace(/[^a-z0-9]+$/, '');
  }
  return parent.slice(0, room - suffix.length) + md5(parent) + suffix;
}

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** The names of the runs of one pipeline task: one, or one for each combination of its matrix where there are several. */
export function childNames(run: string, task: string, combinations: number | undefined): string[] {
  if (combinations === undefined || combinations === 1) return [childName(run, `-${task}`)];
  return Array.from({ length: combinations }, (_, index) => childName(run, `-${task}-${index}`));
}

/** The name of the pod of a TaskRun's nth attempt (0 is the first). */
export function podNameFor(taskRunName: string, attempt: number): string {
  return childName(taskRunName, attempt === 0 ? '-pod' : `-pod-retry${attempt}`);
}
