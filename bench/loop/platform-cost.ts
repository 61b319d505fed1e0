import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;

interface ProcessCost {
  readonly residentMiB: number;
  /** CPU seconds so far. */
  readonly cpu: number;
}

/** What a process takes (Linux `/proc`); undefined when it has ended. */
export function costOf(pid: number): ProcessCost | undefined {
  let status: string;
  let stat: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    residentMiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024,
    cpu: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
  };
}

/** A process and everything below it. */
export function family(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc'))
    if (/^\d+$/.test(name))
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
      } catch {
        // It ended meanwhile.
      }
  const found = [pid];
  for (let index = 0; index < found.length; index++)
    for (const [child, parent] of parents) if (parent === found[index]) found.push(child);
  return found;
}
