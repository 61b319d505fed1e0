import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bindLine, quoted } from './fstab.ts';
import { isFile } from './host-mounts.ts';
import type { RootOperation } from './plan-root.ts';
import type { Skeleton } from './skeleton.ts';

const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
const deviceLinks = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
};
/** What a container may keep in files that are in memory. */
const memorySize = '1g';
/** Where a sandbox shows the tool that drops privileges. */
export const toolPath = '/dev/.tagboat';

/** What roots can have on this host. */
export interface RootAbilities {
  /** Holds the tool that drops privileges, where images need it. */
  readonly privilegeTool: string | undefined;
  /** An image's files can be written over in a layer of the container's own. */
  readonly overlay: boolean;
  /** Programs in containers may open terminals of their own. */
  readonly terminals: boolean;
}

/** The directories and mount points of a root. */
export function makeSkeleton(skeleton: Skeleton, operations: readonly RootOperation[]): void {
  for (const path of ['/proc', '/dev', '/run']) skeleton.directory(path);
  for (const path of ['/tmp', '/var/tmp']) skeleton.directory(path, 0o1777);
  for (const operation of operations) {
    if (operation.kind === 'directory') skeleton.directory(operation.path);
    else if (operation.kind === 'file') skeleton.file(operation.path);
    else if (operation.kind === 'link') skeleton.link(operation.path, operation.target);
  }
}

/** The mount points and links of a root's `/dev`. */
export function makeDevices(
  skeleton: Skeleton,
  { privilegeTool, terminals }: RootAbilities,
  mounts: readonly { source: string; path: string }[],
): void {
  for (const device of devices) skeleton.file(`/${device}`);
  for (const name of ['shm', 'pts', ...(privilegeTool ? ['.tagboat'] : [])]) skeleton.directory(`/${name}`);
  for (const [name, target] of Object.entries(deviceLinks)) skeleton.link(`/${name}`, target);
  if (terminals) skeleton.link('/ptmx', 'pts/ptmx');
  for (const { path, source } of mounts)
    if (isFile(source)) skeleton.file(path.slice('/dev'.length));
    else skeleton.directory(path.slice('/dev'.length));
}

/** The devices that every program expects, and `/proc`. */
export function deviceMounts(root: string, { privilegeTool, terminals }: RootAbilities): string[] {
  return [
    `tmpfs ${quoted(join(root, 'dev/shm'))} tmpfs mode=1777,size=${memorySize} 0 0`,
    ...devices.map((name) => `/dev/${name} ${quoted(join(root, 'dev', name))} none bind 0 0`),
    ...(privilegeTool ? [bindLine({ source: privilegeTool, path: toolPath, readOnly: true }, root)] : []),
    ...(terminals
      ? [`devpts ${quoted(join(root, 'dev/pts'))} devpts newinstance,ptmxmode=0666,mode=0620 0 0`]
      : []),
    `proc ${quoted(join(root, 'proc'))} proc rw 0 0`,
    ...kernelLines(join(root, 'proc')),
  ];
}

/** What in `/proc` is the whole host's: root in a container could change how its kernel runs. */
function kernelLines(proc: string): string[] {
  const settings = quoted(join(proc, 'sys'));
  const keys = '/proc/sysrq-trigger';
  return [
    `${settings} ${settings} none bind,ro 0 0`,
    ...(existsSync(keys) ? [`/dev/null ${quoted(join(proc, 'sysrq-trigger'))} none bind,ro 0 0`] : []),
  ];
}
