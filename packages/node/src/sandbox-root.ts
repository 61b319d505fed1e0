import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { ContainerRequest } from './driver.ts';
import { type HostTools, hostEnvironment } from './host-tools.ts';
import { filesOfImage } from './images.ts';
import { planRoot, type RootEntry, type RootOperation } from './plan-root.ts';
import { shellQuote } from './process-driver.ts';
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
  /** Holds the tool that drops privileges, where images need it. */
  readonly privilegeTool: string | undefined;
  /** An image's files are written over in a layer of the container's own. */
  readonly overlay: boolean;
}

/** Shell commands that make a container's root, and the mounts (fstab(5)) that they mount. */
export function rootScript(plan: RootPlan, fstab: string): { commands: string[]; mounts: string } {
  const host = plan.request.image.kind === 'host';
  return !host && plan.overlay ? overlayRoot(plan, fstab) : boundRoot(plan, fstab);
}

/** A tmpfs with the directories of the base bound into it. */
function boundRoot({ request, tools, root, bin, privilegeTool }: RootPlan, fstab: string) {
  const { image } = request;
  const host = image.kind === 'host';
  const extra = host ? hostMounts(tools, bin) : resolverFiles();
  const mounts = host
    ? request.mounts
    : request.mounts.map((mount) => ({
        ...mount,
        mountPath: resolveInside(filesOfImage(image), mount.mountPath),
      }));
  const operations = planRoot({
    base: filesOfImage(image),
    list: listDirectory,
    shown: host ? systemDirectories : shownOf(filesOfImage(image)),
    mounts: [...extra, ...mounts.map((mount) => ({ ...mount, file: isFile(mount.hostPath) }))],
  });
  const inRoot = (path: string) => shellQuote(join(root, path));
  const directories = ['/proc', '/dev', '/dev/shm', '/dev/pts', '/tmp', '/var/tmp', '/run'];
  const links: string[] = [];
  for (const operation of operations) {
    if (operation.kind === 'directory') directories.push(operation.path);
    else if (operation.kind === 'file') links.push(`: > ${inRoot(operation.path)}`);
    else if (operation.kind === 'link')
      links.push(`ln -s ${shellQuote(operation.target)} ${inRoot(operation.path)}`);
  }
  if (privilegeTool && !host) directories.push(toolPath);
  // Temporary files may be large: they belong on the disk, not in memory.
  const temporary = ['/tmp', '/var/tmp'].map((path) => ({
    source: join(dirname(root), 'tmp', path.replaceAll('/', '_')),
    path,
    readOnly: false,
  }));
  const commands = [
    `mount -t tmpfs -o mode=755,size=${memorySize} tmpfs ${shellQuote(root)}`,
    `mkdir -p ${[...[...new Set(directories)].map(inRoot), ...temporary.map(({ source }) => shellQuote(source))].join(' ')}`,
    `chmod 1777 ${temporary.map(({ source }) => shellQuote(source)).join(' ')} ${inRoot('/dev/shm')}`,
    ...links,
    ...deviceCommands(root),
    `mount -a -T ${shellQuote(fstab)}`,
    terminalsCommand(root),
  ];
  const lines = [
    ...temporary.map((directory) => bindLine(directory, root)),
    ...bindLines(operations, root),
    ...commonLines(root, host ? undefined : privilegeTool),
  ];
  if (host)
    lines.push(
      ...maskLines(root),
      ...shellInPlace(image).map((shell) => bindLine({ ...shell, readOnly: true }, root)),
    );
  // The base's own hosts file is the mount point.
  if (request.hostsFile && existsSync(join(filesOfImage(image), '/etc/hosts')))
    lines.push(bindLine({ source: request.hostsFile, path: '/etc/hosts', readOnly: true }, root));
  return { commands, mounts: `${lines.join('\n')}\n` };
}

/** An image's files with a writable layer over them, as container engines do it. */
function overlayRoot({ request, root, privilegeTool }: RootPlan, fstab: string) {
  if (request.image.kind !== 'rootfs') throw new Error('only images have layers');
  const base = request.image.directory;
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
    file: isFile(mount.hostPath),
  }));
  const inRoot = (path: string) => shellQuote(join(root, path));
  const isNested = (path: string) =>
    mounts.some((mount) => mount.path !== path && path.startsWith(`${mount.path}/`));
  const outer = mounts.filter(({ path }) => !isNested(path));
  const directories = [
    '/proc',
    '/sys',
    '/tmp',
    '/dev/shm',
    '/dev/pts',
    ...(privilegeTool ? [toolPath] : []),
    ...outer.map(({ path, file }) => (file ? dirname(path) : path)),
  ];
  const commands = [
    // A container that starts again finds its image's files as they were.
    `rm -rf ${shellQuote(upper)} ${shellQuote(work)}`,
    `mkdir -p ${shellQuote(upper)} ${shellQuote(work)}`,
    `mount -t overlay -o ${shellQuote(`lowerdir=${base},upperdir=${upper},workdir=${work}`)} overlay ${shellQuote(root)}`,
    `mkdir -p ${inRoot('/dev')}`,
    `mount -t tmpfs -o mode=755,size=${memorySize} tmpfs ${inRoot('/dev')}`,
    `mkdir -p ${[...new Set(directories.map(inRoot))].join(' ')}`,
    ...outer.filter(({ file }) => file).map(({ path }) => `[ -e ${inRoot(path)} ] || : > ${inRoot(path)}`),
    `chmod 1777 ${inRoot('/tmp')} ${inRoot('/dev/shm')}`,
    ...deviceCommands(root),
    `mount -a -T ${shellQuote(fstab)}`,
    terminalsCommand(root),
  ];
  const lines = [...mounts.map((mount) => bindLine(mount, root)), ...commonLines(root, privilegeTool)];
  return { commands, mounts: `${lines.join('\n')}\n` };
}

const deviceCommands = (root: string) => [
  ...devices.map((device) => `: > ${shellQuote(join(root, 'dev', device))}`),
  ...Object.entries(deviceLinks).map(
    ([name, target]) => `ln -s ${target} ${shellQuote(join(root, 'dev', name))}`,
  ),
];

/** Programs in the container may open terminals of their own; where the host forbids it, only they fail. */
function terminalsCommand(root: string): string {
  const [directory, link] = ['dev/pts', 'dev/ptmx'].map((path) => shellQuote(join(root, path)));
  const mount = `mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts ${directory}`;
  return `if ${mount} 2>/dev/null; then ln -s pts/ptmx ${link}; fi`;
}

function commonLines(root: string, privilegeTool: string | undefined): string[] {
  return [
    ...devices.map((name) => `/dev/${name} ${quoted(join(root, 'dev', name))} none bind 0 0`),
    ...(privilegeTool ? [bindLine({ source: privilegeTool, path: toolPath, readOnly: true }, root)] : []),
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

/** Where a path leads inside a root, following links as a process would that has this root. */
export function resolveInside(root: string, path: string): string {
  let resolved = '/';
  const parts = normalize(path).split('/').filter(Boolean);
  for (let links = 0; parts.length > 0; ) {
    const part = parts.shift()!;
    if (part === '..') {
      resolved = dirname(resolved);
      continue;
    }
    const next = join(resolved, part);
    const target = linkTarget(join(root, next));
    if (target === undefined || ++links > 40) resolved = next;
    else {
      if (target.startsWith('/')) resolved = '/';
      parts.unshift(...target.split('/').filter((name) => name !== '' && name !== '.'));
    }
  }
  return resolved;
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    // What does not exist is made, and is no link.
    return undefined;
  }
}

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
