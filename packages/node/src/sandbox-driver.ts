import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree, runCommand } from '@tagboat/process';
import {
  type ContainerDriver,
  type ContainerOutput,
  type ContainerRequest,
  podMarker,
  type RunningContainer,
} from './driver.ts';
import { enterSandbox } from './enter-sandbox.ts';
import { execSession } from './exec-session.ts';
import { launcherPath } from './host-mounts.ts';
import { type HostTools, hostEnvironment } from './host-tools.ts';
import { filesOfImage } from './images.ts';
import { withoutKillNotice } from './kill-notice.ts';
import { copiedTool, copyPrivilegeTool } from './privilege-tool.ts';
import { inGroup, shellQuote } from './process-driver.ts';
import type { RootAbilities } from './root-skeleton.ts';
import { makeRoot } from './sandbox-root.ts';
import { spawnContainer } from './spawn-container.ts';

/** Not on every user's PATH. */
const chroot =
  ['/usr/sbin/chroot', '/usr/bin/chroot', '/sbin/chroot'].find((path) => existsSync(path)) ?? 'chroot';

/** What root in a container may do: change owners and users, and bind low ports; nothing that leaves the container. */
const capabilities = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'net_bind_service',
];

export interface SandboxOptions {
  readonly tools: HostTools;
  /** For files that all sandboxes share. */
  readonly directory: string;
}

/**
 * Runs containers in namespaces of their own (mount, pid, ipc, uts): a pod sees the files of its image, its volumes
 * at their own paths, and nothing of homes or of Tagboat's state. For fidelity, not a security boundary.
 */
export class SandboxDriver implements ContainerDriver {
  readonly name = 'sandbox';
  readonly isolatesFiles = true;
  readonly appliesLimits = false;
  readonly #options: SandboxOptions;
  readonly #root = process.getuid?.() === 0;
  #shared: Promise<{ bin: string; templates: string }> | undefined;
  #abilities: Promise<RootAbilities> | undefined;
  /** Without the tool a container of an image keeps what its set-user-ID programs give. */
  shortcoming: string | undefined;

  constructor(options: SandboxOptions) {
    this.#options = options;
  }

  async start(request: ContainerRequest, output: ContainerOutput): Promise<RunningContainer> {
    const { directory } = request;
    const { tools } = this.#options;
    const root = join(directory, 'root');
    // A container that starts again finds its files as they were at first.
    if (existsSync(root))
      await removeTree(['root', 'upper', 'work', 'dev'].map((name) => join(directory, name)));
    mkdirSync(directory, { recursive: true });
    const { bin, templates } = await this.#findShared();
    const abilities = await this.#findAbilities();
    const script = join(directory, 'enter.sh');
    const fstab = join(directory, 'fstab');
    const shown = this.#root ? withMemory(request) : request;
    writeFileSync(fstab, makeRoot({ request: shown, tools, root, bin, templates, abilities }));
    const inside = (command: readonly string[]) => this.#insideRoot(request, command, { root, abilities });
    writeFileSync(script, enterScript(request, { root, fstab, inside: inside(request.command) }));
    const environment = { ...this.#environment(request), [podMarker]: request.podUid };
    const notice = withoutKillNotice(output);
    const running: RunningContainer = await spawnContainer({
      command: ['unshare', ...this.#namespaces(), '/bin/sh', script],
      environment,
      cwd: directory,
      output: notice.output,
      stdin: request.stdin ?? false,
      tty: request.tty ?? false,
      exec: async ({ command, stdin, tty }) => {
        const entered = await enterSandbox({
          pid: running.pid ?? 0,
          command: inGroup(request, inside(command)),
          tty,
          userNamespace: !this.#root,
          ended: () => ended,
        });
        return execSession(
          { command: entered, environment, cwd: directory, stdin, tty, keepsChildren: true },
          running.exited,
        );
      },
    });
    let ended = false;
    void running.exited.then(() => {
      ended = true;
    });
    return { ...running, exited: running.exited.then(notice.end) };
  }

  #namespaces(): string[] {
    const own = ['--mount', '--pid', '--ipc', '--uts', '--fork', '--kill-child=KILL'];
    return this.#root ? own : [...own, '--user', '--map-root-user'];
  }

  #environment({ image, environment }: ContainerRequest): Record<string, string> {
    const { path: hostPath } = this.#options.tools;
    const path =
      image.kind === 'host'
        ? `${launcherPath}:${hostPath}`
        : '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    const merged = { ...(image.kind === 'host' ? hostEnvironment() : {}), PATH: path, ...environment };
    return image.kind === 'host' && environment.PATH
      ? { ...merged, PATH: `${environment.PATH}:${path}` }
      : merged;
  }

  /** What all containers see the same and none can change: launchers of the host's tools, and the forms of roots. */
  #findShared(): Promise<{ bin: string; templates: string }> {
    this.#shared ??= (async () => {
      const [bin, templates] = ['bin', 'roots'].map((name) => join(this.#options.directory, name));
      for (const path of [bin!, templates!]) {
        // What an earlier life left may be of another host's form.
        await rm(path, { recursive: true, force: true });
        await mkdir(path, { recursive: true });
      }
      await this.#options.tools.writeLaunchers(bin!);
      return { bin: bin!, templates: templates! };
    })();
    return this.#shared;
  }

  /** Found out when the first container is started. */
  #findAbilities(): Promise<RootAbilities> {
    this.#abilities ??= (async () => {
      const directory = join(this.#options.directory, 'setpriv');
      const copied = this.#root && (await copyPrivilegeTool(directory));
      if (this.#root && !copied)
        this.shortcoming =
          'containers of images do not start with no_new_privs and fewer capabilities: setpriv of this host, or its libraries, cannot be found';
      return {
        privilegeTool: copied ? directory : undefined,
        overlay: await this.#canOverlay(join(this.#options.directory, 'overlay-probe')),
        terminals: await this.#canMount([
          '-t',
          'devpts',
          '-o',
          'newinstance,ptmxmode=0666,mode=0620',
          'devpts',
          '/mnt',
        ]),
      };
    })();
    return this.#abilities;
  }

  async #canOverlay(directory: string): Promise<boolean> {
    const [lower, upper, work, root] = ['lower', 'upper', 'work', 'root'].map((name) =>
      join(directory, name),
    );
    for (const path of [lower, upper, work, root]) await mkdir(path!, { recursive: true });
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    const works = await this.#canMount(['-t', 'overlay', '-o', options, 'overlay', root!]);
    await rm(directory, { recursive: true, force: true });
    return works;
  }

  async #canMount(mount: readonly string[]): Promise<boolean> {
    const probe = await runCommand('unshare', [...this.#namespaces(), 'mount', ...mount]);
    return probe.code === 0;
  }

  /** The command line that enters the root, drops privileges and runs a command in the container's directory. */
  #insideRoot(
    request: ContainerRequest,
    command: readonly string[],
    { root, abilities }: { root: string; abilities: RootAbilities },
  ): string[] {
    const { image, workingDir } = request;
    const cwd = shellQuote(workingDir);
    const shell = (script: string) => ['/bin/sh', '-c', script, 'sh', ...command];
    if (image.kind === 'host') {
      const script = `[ -d ${cwd} ] || mkdir -p ${cwd} 2>/dev/null; cd ${cwd} && exec "$@"`;
      return [chroot, root, 'setpriv', ...this.#privileges(request), ...shell(script)];
    }
    // An image may have no shell; `env -C` of its own or of Python is not certain either: the start is by absolute path.
    const hasShell = existsSync(join(filesOfImage(image), 'bin/sh'));
    const inner = hasShell ? shell(`cd ${cwd} && exec "$@"`) : command;
    if (abilities.privilegeTool) return [chroot, root, ...copiedTool, ...this.#privileges(request), ...inner];
    const { uid = 0, gid = 0, groups = [] } = request.user ?? {};
    const identity = this.#root ? [`--userspec=${uid}:${gid}`, `--groups=${groups.join(',')}`] : [];
    return [chroot, ...identity, root, ...inner];
  }

  /** A change of user makes the kernel forget that the process shall die with its parent: it is told again. */
  #privileges({ user }: ContainerRequest): string[] {
    if (!this.#root) return ['--no-new-privs', '--bounding-set=-all', '--inh-caps=-all'];
    const kept = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
    const groups = user?.groups.length ? [`--groups=${user.groups.join(',')}`] : ['--clear-groups'];
    const identity = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, ...groups] : [];
    return ['--no-new-privs', `--bounding-set=${kept}`, '--inh-caps=-all', '--pdeathsig=KILL', ...identity];
  }
}

/** A container with a limit sees its own memory controller, as in an engine: programs size themselves by it. */
function withMemory(request: ContainerRequest): ContainerRequest {
  const memory = request.limits?.memory === undefined ? undefined : request.group?.memory;
  return memory ? { ...request, mounts: [...request.mounts, { ...memory, readOnly: true }] } : request;
}

/** Everything here but mounting is the shell's own work: each program that is started costs a millisecond. */
function enterScript(
  { group, hostname, readOnlyRoot }: ContainerRequest,
  { root, fstab, inside }: { root: string; fstab: string; inside: readonly string[] },
): string {
  const name = shellQuote(hostname.slice(0, 63));
  const lines = [
    'set -e',
    ...(group?.processFiles ?? []).map((file) => `echo 0 > ${shellQuote(file)}`),
    // Where memory runs out, the kernel shall end a container rather than the platform.
    '{ echo 1000 > /proc/self/oom_score_adj; } 2>/dev/null || true',
    `mount -a -T ${shellQuote(fstab)}`,
    // The file is the host's root's; where that is somebody else, the system call still works in an own namespace.
    `{ echo ${name} > /proc/sys/kernel/hostname; } 2>/dev/null || hostname ${name} 2>/dev/null || true`,
    ...(readOnlyRoot ? [`mount -o remount,ro ${shellQuote(root)}`] : []),
    `exec ${inside.map(shellQuote).join(' ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Tries a sandbox once. @returns why it does not work here, or undefined where it does */
export async function probeSandbox(tools: HostTools, directory: string): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'namespaces exist only on Linux';
  try {
    const driver = new SandboxDriver({ tools, directory });
    let text = '';
    await mkdir(directory, { recursive: true });
    const running = await driver.start(
      {
        podUid: 'probe',
        directory,
        hostname: 'probe',
        image: { kind: 'host', name: 'probe' },
        command: ['/bin/sh', '-c', 'test "$$" -lt 5 && tagboat-probe 2>/dev/null || echo works'],
        environment: {},
        workingDir: '/tmp',
        mounts: [],
      },
      (_, data) => {
        text += Buffer.from(data).toString('utf8');
      },
    );
    const { exitCode } = await running.exited;
    return exitCode === 0 && text.includes('works')
      ? undefined
      : text.trim().split('\n').at(-1) || `code ${exitCode}`;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await removeTree([directory]).catch(() => undefined);
  }
}
