import { existsSync, mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ContainerRequest } from './driver.ts';
import { bindLine, overlayLine, quoted } from './fstab.ts';
import { hostMounts, isFile, resolverFiles, systemDirectories } from './host-mounts.ts';
import type { HostTools } from './host-tools.ts';
import { filesOfImage } from './images.ts';
import { planRoot, type RootEntry, type RootOperation } from './plan-root.ts';
import { deviceMounts, makeDevices, makeSkeleton, type RootAbilities } from './root-skeleton.ts';
import { templateRoot } from './root-template.ts';
import { resolveInside, Skeleton } from './skeleton.ts';
import { shellInPlace } from './toolboxes.ts';

const masked = ['/etc/shadow', '/etc/gshadow', '/etc/shadow-', '/etc/gshadow-', '/etc/sudoers'];
const maskedDirectories = ['/etc/ssh', '/etc/ssl/private', '/etc/sudoers.d'];

export interface RootPlan {
  readonly request: ContainerRequest;
  readonly tools: HostTools;
  /** The directory that becomes the container's root. */
  readonly root: string;
  /** Holds the launchers of the host's tools. */
  readonly bin: string;
  /** Holds what roots of the same form share. */
  readonly templates: string;
  readonly abilities: RootAbilities;
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
function boundRoot({ request, tools, root, bin, templates, abilities }: RootPlan): string[] {
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
      ...homeMounts(request),
      ...mounts.map((mount) => ({
        ...mount,
        mountPath: inBase(mount.mountPath),
        file: isFile(mount.hostPath),
      })),
    ],
  });
  const deviceAbilities = { ...abilities, privilegeTool: host ? undefined : abilities.privilegeTool };
  const lines = abilities.overlay
    ? [
        ...templateRoot({ root, templates, operations, abilities: deviceAbilities }),
        ...bindLines(operations, root),
        ...deviceMounts(root, deviceAbilities),
      ]
    : [
        ...ownRoot(root, operations, request.readOnlyRoot ?? false),
        ...bindLines(operations, root),
        ...deviceLines(root, deviceAbilities),
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

/** Files for a home in a root that has no layer of its own to copy them to. */
function homeMounts({ homeFiles, environment }: ContainerRequest) {
  return (homeFiles === undefined ? [] : readdirSync(homeFiles)).map((name) => {
    const hostPath = join(homeFiles ?? '', name);
    return {
      hostPath,
      mountPath: join(environment.HOME ?? '/', name),
      readOnly: false,
      file: isFile(hostPath),
    };
  });
}

/** A root whose directories and mount points are made for it alone. */
function ownRoot(root: string, operations: readonly RootOperation[], readOnly: boolean): string[] {
  makeSkeleton(new Skeleton(root), operations);
  return readOnly ? [`${quoted(root)} ${quoted(root)} none bind 0 0`] : [];
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
  if (request.homeFiles) skeleton.copy(request.homeFiles, request.environment.HOME ?? '/');
  const inDevices = mounts.filter(({ path }) => path.startsWith('/dev/'));
  return [
    overlayLine(root, { lower: base, upper, work }),
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
  const directory = join(dirname(root), 'dev');
  makeDevices(new Skeleton(directory), abilities, mounts);
  return [
    `${quoted(directory)} ${quoted(join(root, 'dev'))} none bind 0 0`,
    ...deviceMounts(root, abilities),
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
