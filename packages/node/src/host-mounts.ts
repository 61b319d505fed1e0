import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type HostTools, hostEnvironment } from './host-tools.ts';

/** Where a sandbox shows the launchers of the host's tools. */
export const launcherPath = '/tekton/bin';

/** What toolboxes show of the host. */
export const systemDirectories = new Set([
  'usr',
  'bin',
  'sbin',
  'lib',
  'lib32',
  'lib64',
  'libx32',
  'etc',
  'opt',
  'nix',
]);

/** The host's tools that lie outside its system directories, its certificates and its resolver. */
export function hostMounts(tools: HostTools, bin: string) {
  const wanted = [...tools.directories, ...certificateFiles()].map((path) => realpathOf(path));
  const paths = [...new Set([...tools.directories, ...wanted])].filter(
    (path) => path !== undefined && existsSync(path) && !systemDirectories.has(path.split('/')[1]!),
  ) as string[];
  const outer = paths.filter(
    (path) => !paths.some((other) => other !== path && path.startsWith(`${other}/`)),
  );
  return [
    ...outer.map((path) => ({ hostPath: path, mountPath: path, readOnly: true, file: isFile(path) })),
    ...resolverDirectory(),
    { hostPath: bin, mountPath: launcherPath, readOnly: true, file: false },
  ];
}

const certificateFiles = () =>
  [
    'SSL_CERT_FILE',
    'NODE_EXTRA_CA_CERTS',
    'PIP_CERT',
    'REQUESTS_CA_BUNDLE',
    'GIT_SSL_CAINFO',
    'PIP_FIND_LINKS',
  ]
    .map((name) => process.env[name])
    .concat(hostEnvironment().PIP_CONFIG_FILE)
    .filter((path): path is string => path?.startsWith('/') ?? false);

/** `/etc/resolv.conf` is often a link to a file below `/run`, which the sandbox does not show. */
function resolverDirectory() {
  const path = resolverPath();
  return path === undefined ? [] : [{ hostPath: path, mountPath: path, readOnly: true, file: false }];
}

/** The directory that holds the resolver's settings, where it is not `/etc`. */
export function resolverPath(): string | undefined {
  const path = realpathOf('/etc/resolv.conf');
  return path && !path.startsWith('/etc/') ? dirname(path) : undefined;
}

export const resolverFiles = () =>
  ['/etc/resolv.conf', '/etc/hosts']
    .filter((path) => existsSync(path))
    .map((path) => ({ hostPath: realpathSync(path), mountPath: path, readOnly: true, file: true }));

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

export function isFile(path: string): boolean {
  return existsSync(path) && !statSync(path).isDirectory();
}
