import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KubernetesObject, parseManifests } from '@tagboat/api';
import { notFound, safeJoin } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import { kustomizationFiles, renderKustomization } from '@tagboat/kustomize';
import type { ApplicationSource } from './application.ts';

export interface RenderedSource {
  readonly revision: string;
  readonly sourceType: 'Kustomize' | 'Directory';
  readonly objects: readonly KubernetesObject[];
}

/** Renders what a source declares at a commit. @throws what is wrong, with file:line:column */
export async function renderSource(commit: Commit, source: ApplicationSource): Promise<RenderedSource> {
  const checkout = await mkdtemp(join(tmpdir(), 'tagboat-render-'));
  try {
    await commit.export(checkout);
    const directory = safeJoin(checkout, source.path ?? '.');
    if (!existsSync(directory))
      throw notFound(`the path "${source.path}" does not exist at revision ${commit.id.slice(0, 10)}`);
    if (kustomizationFiles.some((name) => existsSync(join(directory, name))))
      return {
        revision: commit.id,
        sourceType: 'Kustomize',
        objects: await renderKustomization(directory, checkout),
      };
    return {
      revision: commit.id,
      sourceType: 'Directory',
      objects: await plainManifests(directory, source.directory?.recurse ?? false),
    };
  } finally {
    await rm(checkout, { recursive: true, force: true });
  }
}

async function plainManifests(directory: string, recurse: boolean): Promise<KubernetesObject[]> {
  const objects: KubernetesObject[] = [];
  for (const entry of (await readdir(directory, { withFileTypes: true })).sort((a, b) =>
    a.name.localeCompare(b.name),
  )) {
    const path = join(directory, entry.name);
    if (entry.isDirectory() && recurse && !entry.name.startsWith('.'))
      objects.push(...(await plainManifests(path, true)));
    else if (entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
      objects.push(...parseManifests(await readFile(path, 'utf8'), entry.name));
  }
  return objects;
}
