import { existsSync } from 'node:fs';
import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { runCommand } from '@tagboat/process';
import type { ContainerRequest } from './driver.ts';
import { fileGuardScript } from './file-guard-script.ts';
import { hostMounts, systemDirectories } from './host-mounts.ts';
import type { HostTools } from './host-tools.ts';

/** What every program may read, and what it may also write. */
const readable = [...[...systemDirectories].map((name) => `/${name}`), '/sys'];
const writable = ['/tmp', '/var/tmp', '/dev', '/proc'];

/** The first version with which a program may still move files between directories. */
const leastVersion = 2;

/** Keeps plain processes from files that are not theirs, such as the owner's token (landlock(7)). */
export class FileGuard {
  readonly #script: string;
  readonly #python: string;
  readonly #tools: HostTools;

  private constructor(script: string, python: string, tools: HostTools) {
    this.#script = script;
    this.#python = python;
    this.#tools = tools;
  }

  /**
   * @param home holds what is kept from the processes
   * @param directory for the guard's own file
   * @returns the guard, or why this host allows none
   */
  static async make(tools: HostTools, home: string, directory: string): Promise<FileGuard | string> {
    if (process.platform !== 'linux') return 'Landlock exists only on Linux';
    const real = await realpath(home).catch(() => home);
    const above = [...readable, ...writable].find((path) => `${real}/`.startsWith(`${path}/`));
    if (above) return `the state directory ${home} lies below ${above}, which every program may read`;
    const python = tools.path
      .split(delimiter)
      .map((path) => join(path, 'python3'))
      .find((path) => existsSync(path));
    if (!python) return 'there is no python3 on the PATH';
    const script = join(directory, 'guard.py');
    await mkdir(directory, { recursive: true });
    await writeFile(script, fileGuardScript);
    const { code, stdout, stderr } = await runCommand(python, ['-I', '-S', script]);
    if (code !== 0) return stderr.trim().split('\n').at(-1) || `python3 ended with code ${code}`;
    const found = JSON.parse(stdout.toString('utf8')) as { version: number; python: string };
    if (found.version < leastVersion)
      return `this kernel offers no Landlock, or an old one (version ${found.version}, needed ${leastVersion})`;
    return new FileGuard(script, found.python || python, tools);
  }

  /** The start of a command line whose rest may reach only the container's own files and the host's tools. */
  async prefix(request: ContainerRequest, bin: string): Promise<string[]> {
    const { directory, image, mounts } = request;
    const rules = join(directory, 'files.json');
    const shown = hostMounts(this.#tools, bin).map(({ hostPath }) => hostPath);
    const files = image.kind === 'rootfs' ? [image.directory] : [];
    const of = (readOnly: boolean) =>
      mounts.filter((mount) => mount.readOnly === readOnly).map(({ hostPath }) => hostPath);
    await writeFile(
      rules,
      JSON.stringify({
        read: [...readable, ...shown, ...files, rules, ...of(true)],
        write: [...writable, join(directory, 'tmp'), ...of(false)],
      }),
    );
    return [this.#python, '-I', '-S', this.#script, rules];
  }
}
