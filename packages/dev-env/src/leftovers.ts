import { readdirSync, readFileSync } from 'node:fs';

/** Command lines of processes, besides this one, that name a directory in their arguments or environment (Linux). */
export function leftovers(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => read(pid, 'cmdline').includes(directory) || read(pid, 'environ').includes(directory))
    .map((pid) => read(pid, 'cmdline').trim());
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // It ended meanwhile, or is somebody else's.
    return '';
  }
}
