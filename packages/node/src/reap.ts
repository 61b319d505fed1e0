import { readdir, readFile, readlink } from 'node:fs/promises';
import type { Logger } from '@tagboat/base';
import { podMarker } from './driver.ts';

/**
 * Ends processes that pods of an earlier life left running. They are known by the pod uid in their environment and
 * one of the uids that this node's directory holds. @returns how many were ended
 */
export async function reapLeftovers(uids: ReadonlySet<string>, log: Logger): Promise<number> {
  if (uids.size === 0) return 0;
  const ended = await endAll(async (pid) => uids.has((await markerOf(pid)) ?? ''), log);
  if (ended > 0) log.info(`ended ${ended} processes that an earlier run left behind`);
  return ended;
}

/** In which a process may have started others that were not seen; what goes on for longer hides by speed. */
const mostRounds = 20;

/**
 * Ends what processes of a pod left behind, where nothing else holds them together: those with its uid in their
 * environment, and those that work in its directory or hold a file of it open, though they cleared their environment.
 */
export async function reapPod(uid: string, directory: string, log: Logger): Promise<void> {
  const below = (path: string | undefined) => path === directory || path?.startsWith(`${directory}/`);
  const isOurs = async (pid: number) =>
    (await markerOf(pid)) === uid ||
    below(await readlink(`/proc/${pid}/cwd`).catch(() => undefined)) ||
    (await openFiles(pid)).some(below);
  for (let round = 0; round < mostRounds; round++) if ((await endAll(isOurs, log)) === 0) return;
  log.warn('processes of a pod start others faster than they can be ended', { pod: uid });
}

async function endAll(isMeant: (pid: number) => Promise<boolean>, log: Logger): Promise<number> {
  if (process.platform !== 'linux') return 0;
  let ended = 0;
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid || !(await isMeant(pid))) continue;
    try {
      process.kill(pid, 'SIGKILL');
      ended++;
    } catch (error) {
      log.debug('a process ended by itself', { pid, error });
    }
  }
  return ended;
}

async function markerOf(pid: number): Promise<string | undefined> {
  // Processes of other users cannot be read, and are not ours.
  const text = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
  return new RegExp(`(?:^|\\0)${podMarker}=([^\\0]*)`).exec(text)?.[1];
}

async function openFiles(pid: number): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
  return Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
}
