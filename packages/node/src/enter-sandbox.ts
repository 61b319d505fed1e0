import { readFile, readlink } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { TagboatError } from '@tagboat/base';

export interface EnterOptions {
  /** Of the process that made the namespaces. */
  readonly pid: number;
  /** Goes from the namespaces' view into the sandbox's root and runs the command there. */
  readonly command: readonly string[];
  readonly tty: boolean;
  /** Entered by an ordinary user, whose sandbox has a user namespace. */
  readonly userNamespace: boolean;
  readonly ended: () => boolean;
}

/**
 * The command line that runs a command in the namespaces of a sandbox.
 * @throws `BadRequest` where the sandbox ended before it was ready
 */
export async function enterSandbox(options: EnterOptions): Promise<[string, ...string[]]> {
  const target = await firstProcess(options);
  return [
    'nsenter',
    `--target=${target}`,
    '--mount',
    '--pid',
    '--ipc',
    '--uts',
    ...(options.userNamespace ? ['--user', '--preserve-credentials'] : []),
    '--',
    // The process group of a terminal's session must be one that the sandbox can see.
    ...(options.tty ? ['setsid', '--ctty'] : []),
    ...options.command,
  ];
}

/** The first process of the sandbox, once it stands in its own root. */
async function firstProcess({ pid, ended }: EnterOptions): Promise<number> {
  for (;;) {
    if (ended())
      throw new TagboatError('the container does not run', { reason: 'BadRequest', retryable: false });
    const [first] = await childrenOf(pid);
    if (first && (await readlink(`/proc/${first}/root`).catch(() => '/')) !== '/') return first;
    // Making the root takes some milliseconds, and nothing tells when it is there.
    await pause(5);
  }
}

export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.trim().split(' ').filter(Boolean).map(Number);
}
