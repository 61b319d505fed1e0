import { existsSync, mkdirSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ContainerRequest } from './driver.ts';
import { type HostTools, hostEnvironment } from './host-tools.ts';
import { filesOfImage } from './images.ts';
import { planRoot, type RootEntry, type RootOperation } from './plan-root.ts';
import { resolveInside, Skeleton } from './skeleton.ts';
import { shellInPlace } from './toolboxes.ts';

const systemDirectories = new Set([
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
const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
const deviceLinks = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
};
const masked = ['/etc/shadow', '/etc/gshadow', '/etc/shadow-', '/etc/gshadow-', '/etc/sudoers'];
const maskedDirectories = ['/etc/ssh', '/etc/ssl/private', '/etc/sudoers.d'];
export const launcherPath = '/tekton/bin';
/** What a container may keep in files that are in memory. */
const memorySize = '1g';
/** Where a sandbox shows the tool that drops privileges. */
export const toolPath = '/dev/.tagboat';

export interface RootPlan {
  readonly request: ContainerRequest;
  readonly tools: HostTools;
  /** The directory that becomes the container's root. */
  readonly root: string;
  /** Holds the launchers of the host's tools. */
  readonly bin: string;
  readonly abilities: RootAbilities;
}

/** What roots can have on this host. */
export interface RootAbilities {
  /** Holds the tool that drops privileges, where images need it. */
  readonly privilegeTool: string | undefined;
  /** An image's files can be written over in a layer of the container's own. */
  readonly overlay: boolean;
  /** Programs in containers may open terminals of their own. */
  readonly terminals: boolean;
}

/**
 * Makes a container's root, as far as that needs no mounts. What a container writes outside its volumes goes to the
 * disk, into the root's own directory or layer.
 * @returns the mounts that complete it (fstab(5))
 */
export function makeRoot(plan: RootPlan): string {
  const overlaid = plan.request.image.kind !== 'host' && plan.abilities.overlay;
  return `${(overlaid ? overlayRoot(plan) : boundRoot(plan)).join('\n')}\n`;
}

/** A directory with the directories of the base bound into it. */
function boundRoot({ request, tools, root, bin, abilities }: RootPlan): string[] {
  const { image, mounts, hostsFile } = request;
  const host = image.kind === 'host';
  const base = filesOfImage(image);
  const shown = host ? systemDirectories : shownOf(base);
  const inBase = (path: string) => (shown.has(path.split('/')[1]!) ? resolveInside(base || '/', path) : path);
  const operations = planRoot({
    base,
    list: listDirectory,
    shown,
    mounts: [
      ...(host ? hostMounts(tools, bin) : resolverFiles()),
      ...mounts.map((mount) => ({
        ...mount,
        mountPath: inBase(mount.mountPath),
        file: isFile(mount.hostPath),
      })),
    ],
  });
  const skeleton = new Skeleton(root);
  for (const path of ['/proc', '/dev', '/run']) skeleton.directory(path);
  for (const path of ['/tmp', '/var/tmp']) skeleton.directory(path, 0o1777);
  for (const operation of operations) {
    if (operation.kind === 'directory') skeleton.directory(operation.path);
    else if (operation.kind === 'file') skeleton.file(operation.path);
    else if (operation.kind === 'link') skeleton.link(operation.path, operation.target);
  }
  const own = request.readOnlyRoot ? [`${quoted(root)} ${quoted(root)} none bind 0 0`] : [];
  const lines = [
    ...own,
    ...bindLines(operations, root),
    ...deviceLines(root, { ...abilities, privilegeTool: host ? undefined : abilities.privilegeTool }),
  ];
  if (host)
    lines.push(
      ...maskLines(root),
      ...shellInPlace(image).map((shell) => bindLine({ ...shell, readOnly: true }, root)),
    );
  // The base's own hosts file is the mount point.
  if (hostsFile && existsSync(join(base, '/etc/hosts')))
    lines.push(bindLine({ source: hostsFile, path: '/etc/hosts', readOnly: true }, root));
  return lines;
}

/** An image's files with a writable layer over them, as container engines do it. */
function overlayRoot({ request, root, abilities }: RootPlan): string[] {
  const base = filesOfImage(request.image);
  const directory = dirname(root);
  const [upper, work] = ['upper', 'work'].map((name) => join(directory, name)) as [string, string];
  const files = [...resolverFiles(), ...request.mounts].filter(
    (mount) => !(request.hostsFile && mount.mountPath === '/etc/hosts'),
  );
  if (request.hostsFile) files.push({ hostPath: request.hostsFile, mountPath: '/etc/hosts', readOnly: true });
  const mounts = files.map((mount) => ({
    source: mount.hostPath,
    path: resolveInside(base, mount.mountPath),
    readOnly: mount.readOnly,
  }));
  const isNested = (path: string) =>
    path.startsWith('/dev/') ||
    mounts.some((mount) => mount.path !== path && path.startsWith(`${mount.path}/`));
  mkdirSync(root, { recursive: true });
  mkdirSync(work, { recursive: true });
  const skeleton = new Skeleton(upper, base);
  for (const path of ['/proc', '/sys', '/dev']) skeleton.directory(path);
  skeleton.directory('/tmp', 0o1777);
  for (const { path, source } of mounts)
    if (!isNested(path)) isFile(source) ? skeleton.file(path) : skeleton.directory(path);
  const escaped = (path: string) => quoted(path.replace(/[\\:,]/g, '\\$&'));
  const layers = `lowerdir=${escaped(base)},upperdir=${escaped(upper)},workdir=${escaped(work)}`;
  const inDevices = mounts.filter(({ path }) => path.startsWith('/dev/'));
  return [
    `overlay ${quoted(root)} overlay ${layers} 0 0`,
    ...deviceLines(root, abilities, inDevices),
    ...mounts.map((mount) => bindLine(mount, root)),
  ];
}

/** The container's `/dev` and `/proc`; of the host's devices it sees those that every program expects. */
function deviceLines(
  root: string,
  abilities: RootAbilities,
  mounts: readonly { source: string; path: string }[] = [],
): string[] {
  const { privilegeTool, terminals } = abilities;
  const directory = join(dirname(root), 'dev');
  const skeleton = new Skeleton(directory);
  for (const device of devices) skeleton.file(`/${device}`);
  for (const name of ['shm', 'pts', ...(privilegeTool ? ['.tagboat'] : [])]) skeleton.directory(`/${name}`);
  for (const [name, target] of Object.entries(deviceLinks)) skeleton.link(`/${name}`, target);
  if (terminals) skeleton.link('/ptmx', 'pts/ptmx');
  for (const { path, source } of mounts)
    if (isFile(source)) skeleton.file(path.slice('/dev'.length));
    else skeleton.directory(path.slice('/dev'.length));
  return [
    `${quoted(directory)} ${quoted(join(root, 'dev'))} none bind 0 0`,
    `tmpfs ${quoted(join(root, 'dev/shm'))} tmpfs mode=1777,size=${memorySize} 0 0`,
    ...devices.map((name) => `/dev/${name} ${quoted(join(root, 'dev', name))} none bind 0 0`),
    ...(privilegeTool ? [bindLine({ source: privilegeTool, path: toolPath, readOnly: true }, root)] : []),
    ...(terminals
      ? [`devpts ${quoted(join(root, 'dev/pts'))} devpts newinstance,ptmxmode=0666,mode=0620 0 0`]
      : []),
    `proc ${quoted(join(root, 'proc'))} proc rw 0 0`,
  ];
}

/** Hides what the host keeps from other users. */
function maskLines(root: string): string[] {
  return [
    ...masked.filter(existsSync).map((path) => `/dev/null ${quoted(join(root, path))} none bind 0 0`),
    ...maskedDirectories.filter(existsSync).map((path) => `tmpfs ${quoted(join(root, path))} tmpfs ro 0 0`),
  ];
}

function bindLines(operations: readonly RootOperation[], root: string): string[] {
  return operations.flatMap((operation) => {
    if (operation.kind === 'tmpfs') return [`tmpfs ${quoted(join(root, operation.path))} tmpfs rw 0 0`];
    return operation.kind === 'bind' ? [bindLine(operation, root)] : [];
  });
}

function bindLine(
  { source, path, readOnly }: { source: string; path: string; readOnly: boolean },
  root: string,
): string {
  // A mount below another one finds its mount point only there.
  const options = `${readOnly ? 'rbind,ro' : 'rbind,rw'}${isFile(source) ? '' : ',X-mount.mkdir'}`;
  return `${quoted(source)} ${quoted(join(root, path))} none ${options} 0 0`;
}

const quoted = (path: string) =>
  path.replaceAll('\\', '\\134').replaceAll(' ', '\\040').replaceAll('\t', '\\011').replaceAll('\n', '\\012');

function hostMounts(tools: HostTools, bin: string) {
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

function listDirectory(path: string): RootEntry[] {
  try {
    return readdirSync(path === '' ? '/' : path, { withFileTypes: true }).flatMap((entry): RootEntry[] => {
      if (entry.isSymbolicLink())
        return [{ name: entry.name, kind: 'link', target: readlinkSync(join(path || '/', entry.name)) }];
      return [{ name: entry.name, kind: entry.isDirectory() ? 'directory' : 'file' }];
    });
  } catch {
    // A directory that cannot be read shows nothing.
    return [];
  }
}

function shownOf(directory: string): ReadonlySet<string> {
  const own = new Set(['proc', 'dev', 'sys', 'tmp', 'run']);
  return new Set(
    listDirectory(directory)
      .map(({ name }) => name)
      .filter((name) => !own.has(name)),
  );
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
  const path = realpathOf('/etc/resolv.conf');
  return path && !path.startsWith('/etc/')
    ? [{ hostPath: dirname(path), mountPath: dirname(path), readOnly: true, file: false }]
    : [];
}

const resolverFiles = () =>
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

function isFile(path: string): boolean {
  return existsSync(path) && !statSync(path).isDirectory();
}
