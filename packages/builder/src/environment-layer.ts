import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, sha256 } from '@tagboat/base';
import { directoryEntries, type Layer, type LayerEntry } from '@tagboat/oci';
import { isUncheckedBytecode } from '@tagboat/python';
import { readCached, writeCached } from './host-python.ts';

/** Where things are in every image that Tagboat builds. */
export const imagePaths = {
  environment: '/opt/tagboat/environment',
  app: '/opt/tagboat/app',
  model: '/opt/tagboat/model',
  server: '/opt/tagboat/server',
} as const;

const compiled = /(^|\/)__pycache__(\/|$)|\.pyc$/;
const dropped = /(^|\/)(INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json)$|(^|\/)_virtualenv\.(py|pth)$/;

/**
 * The layer of a Python environment: its packages, with their bytecode, at one fixed path, without what depends on where or by which tool
 * it was installed, so that two hosts make the same digest.
 */
export async function environmentLayer(options: {
  readonly directory: string;
  readonly key: string;
  /** Such as `3.11`. */
  readonly version: string;
  /** Where the interpreter is in the image; undefined: its packages are found by PYTHONPATH alone. */
  readonly python: string | undefined;
  readonly cacheDirectory: string;
}): Promise<Layer> {
  const { directory, key, version, python, cacheDirectory } = options;
  const cacheKey: Digest = sha256(`environment 4 ${key} ${version} ${python ?? 'by path'}`);
  const cached = await readCached(cacheDirectory, cacheKey);
  if (cached) return cached;
  const root = imagePaths.environment.slice(1);
  const packages = sitePackages(version);
  const entries: LayerEntry[] = [];
  for (const entry of await directoryEntries(
    join(directory, packages),
    `${root}/${packages}`,
    (path) => !dropped.test(path),
  ))
    if (/\.dist-info\/RECORD$/.test(entry.path)) entries.push(await plainRecord(entry));
    else if (!compiled.test(entry.path) || (await isOwnBytecode(entry))) entries.push(entry);
  if (python !== undefined) entries.push(...interpreterEntries(root, python, version));
  return writeCached(cacheDirectory, cacheKey, entries);
}

/** Where packages are in an environment. */
export const sitePackages = (version: string) => `lib/python${version}/site-packages`;

/** What makes the environment one of its own for the interpreter (PEP 405). */
function interpreterEntries(root: string, python: string, version: string): LayerEntry[] {
  const config = `home = ${python.replace(/\/[^/]*$/, '')}\ninclude-system-site-packages = false\nversion = ${version}\n`;
  return [
    { kind: 'file', path: `${root}/pyvenv.cfg`, source: new TextEncoder().encode(config) },
    { kind: 'link', path: `${root}/bin/python`, target: python },
    { kind: 'link', path: `${root}/bin/python3`, target: 'python' },
    { kind: 'link', path: `${root}/bin/python${version}`, target: 'python' },
  ];
}

/** What was compiled when the environment was made; what Python compiled since depends on this host. */
async function isOwnBytecode(entry: LayerEntry): Promise<boolean> {
  if (entry.kind !== 'file' || typeof entry.source !== 'string') return false;
  await using file = await open(entry.source);
  const head = Buffer.alloc(8);
  await file.read(head, 0, 8, 0);
  return isUncheckedBytecode(head);
}

/** RECORD without compiled files, scripts (whose first line names the host's path) and what `dropped` drops. */
async function plainRecord(entry: LayerEntry): Promise<LayerEntry> {
  if (entry.kind !== 'file' || typeof entry.source !== 'string') return entry;
  const lines = (await readFile(entry.source, 'utf8')).split(/\r?\n/).filter((line) => {
    const path = line.split(',')[0]!.replaceAll('"', '');
    return path !== '' && !/^(\.\.)?\//.test(path) && !dropped.test(path) && !compiled.test(path);
  });
  return { ...entry, source: new TextEncoder().encode(`${lines.sort().join('\n')}\n`) };
}
