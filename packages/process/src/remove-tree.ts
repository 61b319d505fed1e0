import { runChecked, runCommand } from './run.ts';

/**
 * Removes files and directories that programs of others may have written to, in a process of its own: paths longer
 * than a system call takes, closed directories and a million files delay nobody here. What is not there is as good.
 * @throws `Cancelled` when the signal aborts
 */
export async function removeTree(paths: readonly string[], signal?: AbortSignal): Promise<void> {
  const options = { background: true, ...(signal ? { signal } : {}) };
  const remove = ['-rf', '--', ...paths];
  if ((await runCommand('rm', remove, options)).code === 0) return;
  // Links are gone by now: what remains are directories that their owner may not list.
  await runCommand('chmod', ['-R', 'u+rwx', '--', ...paths], options);
  await runChecked('rm', remove, options);
}
