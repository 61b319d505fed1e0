import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseManifests, type Task } from '@tagboat/api';

export const taskNames = [
  'clone',
  'environment',
  'train',
  'evaluate',
  'build',
  'release',
  'check',
  'candidate',
  'tag',
  'source-build',
  'image-file-build',
  'pre-commit',
  'publish-package',
  'deploy-image-tag',
  'tag-sibling',
  'git-clone',
] as const;
export type TaskName = (typeof taskNames)[number];

const loaded = new Map<TaskName, Task>();

/** Where the built-in tasks' YAML files stand: beside this package, or beside the bundle. */
export const tasksDirectory =
  process.env.TAGBOAT_TASKS ?? join(dirname(fileURLToPath(import.meta.url)), '..', 'tasks');

/** The text of a built-in task, as it can be applied to a cluster. */
export function taskText(name: TaskName): string {
  return readFileSync(join(tasksDirectory, `${name}.yaml`), 'utf8');
}

/** A built-in task. */
export function builtInTask(name: TaskName): Task {
  let task = loaded.get(name);
  if (!task) {
    task = parseManifests(taskText(name), `${name}.yaml`)[0] as Task;
    loaded.set(name, task);
  }
  return task;
}
