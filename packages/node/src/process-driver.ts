import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TagboatError } from '@tagboat/base';
import {
  type ContainerDriver,
  type ContainerOutput,
  type ContainerRequest,
  podMarker,
  type RunningContainer,
} from './driver.ts';
import { execSession } from './exec-session.ts';
import type { FileGuard } from './file-guard.ts';
import { type HostTools, hostEnvironment } from './host-tools.ts';
import { shellQuote } from './shell-quote.ts';
import { spawnContainer } from './spawn-container.ts';
import { ashOf } from './toolboxes.ts';
import type { Mount } from './volumes.ts';

export { shellQuote } from './shell-quote.ts';

/**
 * Runs containers as plain processes of the host, for hosts without namespaces. Paths that the container would see
 * (`/workspace`, `/tekton`, an image's `/opt`) are replaced by the host's in commands, scripts and the environment.
 */
export class ProcessDriver implements ContainerDriver {
  readonly name = 'process';
  readonly isolatesFiles = false;
  readonly appliesLimits = false;
  readonly #tools: HostTools;
  readonly #guard: FileGuard | undefined;

  /** @param guard absent: the processes reach whatever the platform's user does */
  constructor(tools: HostTools, guard?: FileGuard) {
    this.#tools = tools;
    this.#guard = guard;
  }

  /** Whether the processes are kept from files that are not theirs. */
  get guardsFiles(): boolean {
    return this.#guard !== undefined;
  }

  async start(request: ContainerRequest, output: ContainerOutput): Promise<RunningContainer> {
    const rewrite = rewriter([...request.mounts, ...imageMounts(request)]);
    const bin = join(request.directory, 'bin');
    await mkdir(bin, { recursive: true });
    await this.#tools.writeLaunchers(bin);
    const environment: Record<string, string> = {
      ...hostEnvironment(),
      TMPDIR: await privateDirectory(join(request.directory, 'tmp')),
    };
    for (const [name, value] of Object.entries(request.environment)) environment[name] = rewrite(value);
    environment[podMarker] = request.podUid;
    environment.PATH = [bin, environment.PATH ?? '', this.#tools.path].filter(Boolean).join(':');
    if (request.image.kind === 'rootfs') await this.#python(request, bin);
    const command = request.command.map(rewrite) as [string, ...string[]];
    const ash = request.image.kind === 'host' && request.image.shell === 'ash' ? ashOf() : undefined;
    if (ash) await symlink(ash.program, join(bin, 'sh')).catch(ifThere);
    // There is no /bin/sh of the container's own: its scripts name the shell that stands in for it.
    const shell = (text: string) =>
      ash ? text.replace(/^#!\s*\/bin\/(a?sh)\b/, `#!${join(bin, '$1')}`) : text;
    for (const mount of request.mounts) await rewriteScripts(mount, (text) => shell(rewrite(text)));
    const cwd = rewrite(request.workingDir);
    await mkdir(cwd, { recursive: true }).catch(() => undefined);
    const guard = (await this.#guard?.prefix(request, bin)) ?? [];
    const running: RunningContainer = await spawnContainer({
      command: inGroup(request, [...guard, ...command]),
      environment,
      cwd,
      output,
      stdin: request.stdin ?? false,
      tty: request.tty ?? false,
      exec: async (wanted) =>
        execSession(
          {
            ...wanted,
            command: inGroup(request, [...guard, ...wanted.command.map(rewrite)]),
            environment,
            cwd,
          },
          running.exited,
        ),
    });
    return running;
  }

  /** An image's Python environment run by the host's Python of the same version: its own may lack its libraries here. */
  async #python(request: ContainerRequest, bin: string): Promise<void> {
    if (request.image.kind !== 'rootfs') return;
    const environment = join(request.image.directory, 'opt/tagboat/environment');
    const config = await readFile(join(environment, 'pyvenv.cfg'), 'utf8').catch(() => undefined);
    const version = config && /^version(?:_info)?\s*=\s*(\d+\.\d+)/m.exec(config)?.[1];
    if (!version) return;
    const python = await this.#tools.python(version);
    if (!python)
      throw new TagboatError(`the image needs Python ${version}, which this host does not have`, {
        reason: 'ImagePullFailed',
        hint: `install Python ${version}, or a container engine`,
      });
    const packages = join(environment, 'lib', `python${version}`, 'site-packages');
    const text = `#!/bin/sh\nPYTHONPATH=${shellQuote(packages)}\${PYTHONPATH:+:$PYTHONPATH} exec ${shellQuote(python)} "$@"\n`;
    for (const name of ['python', 'python3', `python${version}`]) {
      await writeFile(join(bin, name), text);
      await chmod(join(bin, name), 0o755);
    }
  }
}

function ifThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

const imageMounts = ({ image }: ContainerRequest): Mount[] =>
  image.kind !== 'rootfs'
    ? []
    : [{ hostPath: join(image.directory, 'opt'), mountPath: '/opt', readOnly: true }];

/** Replaces mount paths by host paths, longest first, where they stand as whole path components. */
export function rewriter(mounts: readonly Mount[]): (text: string) => string {
  const byPath = new Map([...mounts].reverse().map((mount) => [mount.mountPath, mount.hostPath]));
  const paths = [...byPath.keys()].sort((a, b) => b.length - a.length);
  if (paths.length === 0) return (text) => text;
  const escaped = paths.map((path) => path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`(?<![\\w.\\/-])(${escaped.join('|')})(?=/|$|[^\\w.-])`, 'g');
  return (text) => text.replace(pattern, (path) => byPath.get(path)!);
}

/** Where the platform places programs that name paths of the container. */
const scriptDirectories = new Set(['/tekton/scripts', '/tekton/debug/scripts']);

async function rewriteScripts(mount: Mount, rewrite: (text: string) => string): Promise<void> {
  if (!scriptDirectories.has(mount.mountPath)) return;
  for (const name of await readdir(mount.hostPath)) {
    const path = join(mount.hostPath, name);
    const text = await readFile(path, 'utf8');
    const changed = rewrite(text);
    if (changed !== text) await writeFile(path, changed);
  }
}

async function privateDirectory(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  return path;
}

/** The command, started in the container's control group; where memory runs out, it goes before the platform. */
export function inGroup({ group }: ContainerRequest, command: readonly string[]): [string, ...string[]] {
  const files = group?.processFiles ?? [];
  if (files.length === 0) return command as [string, ...string[]];
  const joins = files.map((file) => `echo 0 > ${shellQuote(file)};`).join(' ');
  const script = `${joins} echo 1000 > /proc/self/oom_score_adj 2>/dev/null; exec "$@"`;
  return ['/bin/sh', '-c', script, 'sh', ...command];
}
