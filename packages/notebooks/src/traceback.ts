import { relative } from 'node:path';

/**
 * The newest line of the user's own code in a traceback of IPython: of a cell, or of a file below the directory. What a
 * library did there is of little use to whoever called it.
 */
export function ownLine(traceback: string, directory: string): string | undefined {
  let place: string | undefined;
  let found: string | undefined;
  let any: string | undefined;
  for (const line of traceback.split('\n')) {
    const file = /^File (.+?):\d+, in /.exec(line)?.[1];
    if (/^(Cell In|Input In) ?\[/.test(line)) place = '';
    else if (file !== undefined) place = ownFile(file, directory);
    const arrow = /^-+> *(\d+) *(.*)$/.exec(line);
    if (!arrow) continue;
    const code = arrow[2]!.trim();
    any = code;
    if (place !== undefined) found = place === '' ? code : `${place}:${arrow[1]}: ${code}`;
  }
  return found ?? any;
}

function ownFile(file: string, directory: string): string | undefined {
  const path = relative(directory, file);
  return path.startsWith('..') || /(^|\/)site-packages\//.test(path) ? undefined : path;
}
