import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the control group of this process says of its memory. */
export interface GroupMemory {
  /** Bytes; undefined where there is none. */
  readonly limit: number | undefined;
  /** How many processes of the group the kernel of the system has ended for want of memory, so far. */
  readonly kills: number;
}

/** In v1 no limit is written as the largest number of pages. */
const unlimited = 2 ** 62;

/**
 * Reads the memory controller of the own group (cgroups v1 or v2), with or without a namespace of its own.
 * @param root where `/proc` and `/sys` are
 * @returns undefined where there is no such controller
 */
export async function groupMemory(root = '/'): Promise<GroupMemory | undefined> {
  const read = (path: string) => readFile(join(root, path), 'utf8').catch(() => undefined);
  for (const line of (await read('proc/self/cgroup'))?.split('\n') ?? []) {
    const [id, controllers = '', path = '/'] = line.split(':');
    const old = controllers.split(',').includes('memory');
    if (!old && id !== '0') continue;
    const mount = old ? 'sys/fs/cgroup/memory' : 'sys/fs/cgroup';
    const [limitFile, killsFile] = old
      ? ['memory.limit_in_bytes', 'memory.oom_control']
      : ['memory.max', 'memory.events'];
    // Under a mount that shows the own group alone, the path is one that is not there.
    for (const directory of [join(mount, path), mount]) {
      const events = await read(join(directory, killsFile));
      const kills = /^oom_kill (\d+)/m.exec(events ?? '')?.[1];
      if (kills === undefined) continue;
      const limit = Number.parseInt((await read(join(directory, limitFile))) ?? '', 10);
      return { limit: limit < unlimited ? limit : undefined, kills: Number(kills) };
    }
  }
  return undefined;
}

/** Bytes as Kubernetes writes them: 536870912 is `512Mi`. */
export function memoryQuantity(bytes: number): string {
  for (const [unit, size] of [
    ['Gi', 2 ** 30],
    ['Mi', 2 ** 20],
    ['Ki', 2 ** 10],
  ] as const)
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  return bytes >= 2 ** 20 ? `${Math.round(bytes / 2 ** 20)}Mi` : String(bytes);
}
