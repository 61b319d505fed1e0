import { readdir, readFile } from 'node:fs/promises';
import type { Logger } from '@tagboat/base';
import { podMarker } from './driver.ts';

/**
 * Ends processes that pods of an earlier life left running. They are known by the pod uid in their environment and
 * one of the uids that this node's directory holds. @returns how many were ended
 */
export async function reapLeftovers(uids: ReadonlySet<string>, log: Logger): Promise<number> {
  if (process.platform !== 'linux' || uids.size === 0) return 0;
  let ended = 0;
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const uid = await markerOf(pid);
    if (uid === undefined || !uids.has(uid)) continue;
    try {
      process.kill(pid, 'SIGKILL');
      ended++;
    } catch (error) {
      log.debug('a process ended by itself', { pid, error });
    }
  }
  if (ended > 0) log.info(`ended ${ended} processes that an earlier run left behind`);
  return ended;
}

async function markerOf(pid: number): Promise<string | undefined> {
  // Processes of other users cannot be read, and are not ours.
  const text = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
  return new RegExp(`(?:^|\\0)${podMarker}=([^\\0]*)`).exec(text)?.[1];
}
