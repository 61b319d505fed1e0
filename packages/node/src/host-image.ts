import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { shortHash } from '@tagboat/base';
import { type LayerEntry, writeLayer } from '@tagboat/oci';
import { hostMounts, launcherPath, resolverPath, systemDirectories } from './host-mounts.ts';
import { type HostTools, hostEnvironment } from './host-tools.ts';
import type { ImageConfig } from './images.ts';
import type { Mount } from './volumes.ts';

/** What of `/etc` programs need to find libraries, certificates and names. */
const settings = [
  'alternatives',
  'ca-certificates',
  'ca-certificates.conf',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'mime.types',
  'pki',
  'ssl/certs',
  'ssl/openssl.cnf',
];

export interface HostImage {
  /** An archive for an engine to import, of files alone: what programs are run comes with the mounts. */
  readonly archive: string;
  /** The same for the same contents. */
  readonly tag: string;
  readonly config: ImageConfig;
  readonly mounts: readonly Mount[];
}

/**
 * The image of Tagboat's own steps for a container engine of this machine: an empty root, into which the host's
 * programs and the platform's are shown read-only. A container of it sees what a sandbox sees, with the engine around.
 * @param directory keeps the archive and the launchers
 */
export async function makeHostImage(tools: HostTools, directory: string): Promise<HostImage> {
  const bin = join(directory, 'bin');
  await mkdir(bin, { recursive: true });
  await tools.writeLaunchers(bin);
  const entries = rootEntries();
  const tag = shortHash([JSON.stringify(entries)]);
  const archive = join(directory, `${tag}.tar.gz`);
  if (!existsSync(archive)) await writeLayer(entries, archive);
  const environment = { ...hostEnvironment(), PATH: `${launcherPath}:${tools.path}` };
  return {
    archive,
    tag,
    config: { Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`) },
    mounts: [...systemMounts(), ...toolMounts(tools, bin)],
  };
}

const bytes = (text: string) => new TextEncoder().encode(text);

function rootEntries(): LayerEntry[] {
  const links = [...systemDirectories].flatMap((name): LayerEntry[] => {
    const path = `/${name}`;
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()
      ? [{ kind: 'link', path: name, target: readlinkSync(path) }]
      : [];
  });
  return [
    ...links,
    { kind: 'file', path: 'etc/passwd', source: bytes('root:x:0:0:root:/root:/bin/sh\n') },
    { kind: 'file', path: 'etc/group', source: bytes('root:x:0:\n') },
    { kind: 'file', path: 'etc/nsswitch.conf', source: bytes('hosts: files dns\n') },
    ...['tmp', 'var/tmp'].map((path): LayerEntry => ({ kind: 'directory', path, mode: 0o1777 })),
    ...['root', 'workspace', 'run', 'proc', 'sys', 'dev'].map(
      (path): LayerEntry => ({ kind: 'directory', path }),
    ),
  ];
}

const readOnly = (path: string): Mount => ({ hostPath: path, mountPath: path, readOnly: true });

function systemMounts(): Mount[] {
  const directories = [...systemDirectories].filter((name) => name !== 'etc' && name !== 'opt');
  const paths = [...directories.map((name) => `/${name}`), ...settings.map((name) => `/etc/${name}`)];
  return paths
    .filter((path) => {
      const found = lstatSync(path, { throwIfNoEntry: false });
      return found && (!found.isSymbolicLink() || path.startsWith('/etc/')) && existsSync(path);
    })
    .map(readOnly);
}

/** The engine gives its containers a resolver itself. */
function toolMounts(tools: HostTools, bin: string): Mount[] {
  return hostMounts(tools, bin)
    .filter(({ mountPath }) => mountPath !== resolverPath())
    .map(({ hostPath, mountPath }) => ({ hostPath, mountPath, readOnly: true }));
}
