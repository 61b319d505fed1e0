import { runCommand } from '@tagboat/process';
import { gitEnvironment } from './git.ts';

export interface GitObject {
  readonly id: string;
  readonly type: 'commit' | 'tree' | 'blob' | 'tag';
  readonly content: Buffer;
}

/**
 * Reads objects by their names (gitrevisions(7)) in one process.
 * @returns in their order; undefined for each that is not there
 */
export async function readObjects(
  repository: string,
  names: readonly string[],
): Promise<(GitObject | undefined)[]> {
  // A name of two lines names nothing, and would be taken for two.
  const asked = names.map((name) => (name.includes('\n') ? '' : name));
  const { code, stdout } = await runCommand('git', ['cat-file', '--batch'], {
    cwd: repository,
    env: gitEnvironment(),
    stdin: asked.map((name) => `${name}\n`).join(''),
    maxOutput: 2 ** 30,
  });
  if (code !== 0) return names.map(() => undefined);
  let at = 0;
  return names.map(() => {
    const end = stdout.indexOf(10, at);
    const head = /^([0-9a-f]+) (commit|tree|blob|tag) (\d+)$/.exec(stdout.toString('latin1', at, end));
    if (!head) {
      at = end + 1;
      return undefined;
    }
    const [, id, type, size] = head;
    const content = stdout.subarray(end + 1, end + 1 + Number(size));
    at = end + 1 + Number(size) + 1;
    return { id: id!, type: type as GitObject['type'], content };
  });
}
