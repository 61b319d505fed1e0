import { copyFile, mkdir, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { runCommand } from '@tagboat/process';
import { toolPath } from './root-skeleton.ts';

/**
 * Copies `setpriv` and what it is linked with into a directory, so that it can be shown inside any image: the way to
 * drop privileges after the change of root, which itself needs one.
 * @returns false where the host has no `setpriv` or cannot tell its libraries
 */
export async function copyPrivilegeTool(directory: string): Promise<boolean> {
  const found = await runCommand('/bin/sh', [
    '-c',
    'command -v setpriv && ldd "$(command -v setpriv)"',
  ]).catch(() => undefined);
  if (found?.code !== 0) return false;
  const [program, ...lines] = found.stdout.toString('utf8').trim().split('\n');
  const libraries = lines.flatMap((line) => /(\/\S+) \(0x/.exec(line)?.[1] ?? []);
  const loader = libraries.find((path) => /^ld[-.]/.test(basename(path)));
  if (!program || !loader) return false;
  await mkdir(directory, { recursive: true });
  await copyFile(await realpath(program), join(directory, 'setpriv'));
  await copyFile(await realpath(loader), join(directory, 'loader'));
  for (const path of libraries)
    if (path !== loader) await copyFile(await realpath(path), join(directory, basename(path)));
  return true;
}

/** The command line that starts the copied tool inside an image. */
export const copiedTool: readonly string[] = [
  `${toolPath}/loader`,
  '--library-path',
  toolPath,
  `${toolPath}/setpriv`,
];
