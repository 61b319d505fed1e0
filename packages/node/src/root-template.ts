import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { shortHash } from '@tagboat/base';
import { overlayLine } from './fstab.ts';
import type { RootOperation } from './plan-root.ts';
import { makeDevices, makeSkeleton, type RootAbilities } from './root-skeleton.ts';
import { Skeleton } from './skeleton.ts';

interface TemplateRoot {
  readonly root: string;
  readonly templates: string;
  readonly operations: readonly RootOperation[];
  readonly abilities: RootAbilities;
}

/**
 * A root with the directories and mount points that all roots of its form share, under a layer of its own: to make
 * some fifty directories for every step took longer than the rest of its start.
 */
export function templateRoot({ root, templates, operations, abilities }: TemplateRoot): string[] {
  const form = operations.map((operation) =>
    operation.kind === 'link' ? [operation.path, operation.target] : [operation.kind, operation.path],
  );
  const template = join(templates, shortHash([JSON.stringify([form, abilities])]));
  if (!existsSync(template)) makeTemplate(template, operations, abilities);
  const [upper, work] = ['upper', 'work'].map((name) => join(dirname(root), name)) as [string, string];
  for (const path of [root, upper, work]) mkdirSync(path, { recursive: true });
  return [overlayLine(root, { lower: template, upper, work })];
}

/** Made under another name first, so that what is there is whole. */
function makeTemplate(
  template: string,
  operations: readonly RootOperation[],
  abilities: RootAbilities,
): void {
  mkdirSync(dirname(template), { recursive: true });
  const making = mkdtempSync(`${template}-`);
  const skeleton = new Skeleton(join(making, 'root'));
  makeSkeleton(skeleton, operations);
  makeDevices(new Skeleton(join(making, 'root', 'dev')), abilities, []);
  try {
    renameSync(join(making, 'root'), template);
  } catch (error) {
    // Another start made it meanwhile.
    if (!existsSync(template)) throw error;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}
