import { existsSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runCommand } from '@tagboat/process';
import {
  type ContainerDriver,
  type ContainerOutput,
  type ContainerRequest,
  podMarker,
  type RunningContainer,
} from './driver.ts';
import { enterSandbox } from './enter-sandbox.ts';
import { execSession } from './exec-session.ts';
import { type HostTools, hostEnvironment } from './host-tools.ts';
import { planRoot, type RootEntry, type RootOperation } from './plan-root.ts';
import { shellQuote } from './process-driver.ts';
import { spawnContainer } from './spawn-container.ts';
import { shellInPlace } from './toolboxes.ts';

const systemDirectories = new Set([
  'usr',
  'bin',
  'sbin',
  'lib',
  'lib32',
  'lib64',
  'libx32',
  'etc',
  'opt',
  'nix',
]);
const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
const masked = ['/etc/shadow', '/etc/gshadow', '/etc/shadow-', '/etc/gshadow-', '/etc/sudoers'];
const maskedDirectories = ['/etc/ssh', '/etc/ssl/private', '/etc/sudoers.d'];
const launcherPath = '/tekton/bin';
/** Not on every user's PATH. */
const chroot =
  ['/usr/sbin/chroot', '/usr/bin/chroot', '/sbin/chroot'].find((path) => existsSync(path)) ?? 'chroot';

/**
 * Runs containers in namespaces of their own (mount, pid, ipc, uts): a pod sees the files of its image, its volumes
 * at their own paths, and nothing of homes or of Tagboat's state. For fidelity, not a security boundary.
 */
export class SandboxDriver implements ContainerDriver {
  readonly name = 'sandbox';
  readonly isolatesFiles = true;
  readonly #tools: HostTools;
  readonly #root = process.getuid?.() === 0;

  constructor(tools: HostTools) {
    this.#tools = tools;
  }

  async start(request: ContainerRequest, output: ContainerOutput): Promise<RunningContainer> {
    const { directory, image } = request;
    const root = join(directory, 'root');
    const bin = join(directory, 'bin');
    await mkdir(root, { recursive: true });
    await mkdir(bin, { recursive: true });
    if (image.kind === 'host') await this.#tools.writeLaunchers(bin);
    const script = join(directory, 'enter.sh');
    const fstab = join(directory, 'fstab');
    const operations = this.#operations(request, bin);
    await writeFile(fstab, fstabOf(operations, root, shellInPlace(image)));
    await writeFile(script, this.#script({ request, operations, root, fstab }));
    const environment = { ...this.#environment(request), [podMarker]: request.podUid };
    const namespaces = [
      '--mount',
      '--pid',
      '--ipc',
      '--uts',
      '--fork',
      '--kill-child=KILL',
      ...(this.#root ? [] : ['--user', '--map-root-user']),
    ];
    const running = spawnContainer({
      command: ['unshare', ...namespaces, '/bin/sh', script],
      environment,
      cwd: directory,
      output,
      stdin: request.stdin ?? false,
      tty: request.tty ?? false,
      exec: async ({ command, stdin, tty }) => {
        const entered = await enterSandbox({
          pid: running.pid ?? 0,
          command: this.#insideRoot(request, root, command),
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
    return running;
  }

  #environment({ image, environment }: ContainerRequest): Record<string, string> {
    const path =
      image.kind === 'host' ? `${launcherPath}:${this.#tools.path}` : '/usr/local/bin:/usr/bin:/bin';
    const merged = { ...(image.kind === 'host' ? hostEnvironment() : {}), PATH: path, ...environment };
    return image.kind === 'host' && environment.PATH
      ? { ...merged, PATH: `${environment.PATH}:${path}` }
      : merged;
  }

  #operations(request: ContainerRequest, bin: string): RootOperation[] {
    const { image, mounts } = request;
    const host = image.kind === 'host';
    const extra = host ? this.#hostMounts(bin) : resolverFiles();
    return planRoot({
      base: host ? '' : image.directory,
      list: listDirectory,
      ...(host ? { shown: systemDirectories } : { shown: shownOf(image.directory) }),
      mounts: [...extra, ...mounts.map((mount) => ({ ...mount, file: isFile(mount.hostPath) }))],
    });
  }

  #hostMounts(bin: string) {
    const wanted = [...this.#tools.directories, ...certificateFiles()].map((path) => realpathOf(path));
    const paths = [...new Set([...this.#tools.directories, ...wanted])].filter(
      (path) => path !== undefined && existsSync(path) && !systemDirectories.has(path.split('/')[1]!),
    ) as string[];
    const outer = paths.filter(
      (path) => !paths.some((other) => other !== path && path.startsWith(`${other}/`)),
    );
    return [
      ...outer.map((path) => ({ hostPath: path, mountPath: path, readOnly: true, file: isFile(path) })),
      ...resolverDirectory(),
      { hostPath: bin, mountPath: launcherPath, readOnly: true, file: false },
    ];
  }

  #script(input: {
    request: ContainerRequest;
    operations: readonly RootOperation[];
    root: string;
    fstab: string;
  }): string {
    const { request, operations, root, fstab } = input;
    const inRoot = (path: string) => shellQuote(join(root, path));
    const lines = ['set -e', `mount -t tmpfs -o mode=755 tmpfs ${shellQuote(root)}`];
    const directories = new Set(
      ['/proc', '/dev', '/dev/shm', '/dev/pts', '/tmp', '/var/tmp', '/run'].map((path) => inRoot(path)),
    );
    const rest: string[] = [];
    for (const operation of operations) {
      if (operation.kind === 'directory') directories.add(inRoot(operation.path));
      else if (operation.kind === 'file') rest.push(`: > ${inRoot(operation.path)}`);
      else if (operation.kind === 'link')
        rest.push(`ln -s ${shellQuote(operation.target)} ${inRoot(operation.path)}`);
    }
    const nested = [...directories];
    lines.push(
      `mkdir -p ${nested.join(' ')}`,
      `chmod 1777 ${inRoot('/tmp')} ${inRoot('/var/tmp')} ${inRoot('/dev/shm')}`,
    );
    lines.push(...rest);
    for (const device of devices) lines.push(`: > ${inRoot(`/dev/${device}`)}`);
    lines.push(`ln -s /proc/self/fd ${inRoot('/dev/fd')}`);
    lines.push(`mount -a -T ${shellQuote(fstab)}`);
    // Programs in the container may open terminals of their own; where the host forbids it, only they fail.
    lines.push(
      `if mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts ${inRoot('/dev/pts')} 2>/dev/null; then ln -s pts/ptmx ${inRoot('/dev/ptmx')}; fi`,
    );
    lines.push(`hostname ${shellQuote(request.hostname.slice(0, 63))} 2>/dev/null || true`);
    lines.push(`exec ${this.#insideRoot(request, root, request.command).map(shellQuote).join(' ')}`);
    return `${lines.join('\n')}\n`;
  }

  /** The command line that enters the root, drops privileges and runs a command in the container's directory. */
  #insideRoot(request: ContainerRequest, root: string, command: readonly string[]): string[] {
    const { user, workingDir, image } = request;
    const cwd = shellQuote(workingDir);
    const shell = (script: string) => ['/bin/sh', '-c', script, 'sh', ...command];
    if (image.kind === 'host') {
      const identity =
        this.#root && user !== undefined ? ['--reuid', `${user}`, '--regid', '0', '--clear-groups'] : [];
      const drop = ['setpriv', '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', ...identity];
      return [chroot, root, ...drop, ...shell(`mkdir -p ${cwd} 2>/dev/null; cd ${cwd} && exec "$@"`)];
    }
    const identity = this.#root ? [`--userspec=${user ?? 0}:0`, '--groups='] : [];
    // An image may have no shell; `env -C` of its own or of Python is not certain either: the start is by absolute path.
    const hasShell = existsSync(join(image.directory, 'bin/sh'));
    return [chroot, ...identity, root, ...(hasShell ? shell(`cd ${cwd} && exec "$@"`) : command)];
  }
}

function fstabOf(
  operations: readonly RootOperation[],
  root: string,
  replaced: readonly { source: string; path: string }[],
): string {
  const quoted = (path: string) =>
    path.replaceAll('\\', '\\134').replaceAll(' ', '\\040').replaceAll('\t', '\\011');
  const lines = operations.flatMap((operation) => {
    if (operation.kind === 'tmpfs') return [`tmpfs ${quoted(join(root, operation.path))} tmpfs rw 0 0`];
    if (operation.kind !== 'bind') return [];
    // A mount below another one finds its mount point only there.
    const options = `${operation.readOnly ? 'rbind,ro' : 'rbind,rw'}${isFile(operation.source) ? '' : ',X-mount.mkdir'}`;
    return [`${quoted(operation.source)} ${quoted(join(root, operation.path))} none ${options} 0 0`];
  });
  lines.push(
    ...replaced.map(({ source, path }) => `${quoted(source)} ${quoted(join(root, path))} none bind 0 0`),
  );
  const hides = masked.filter((path) => existsSync(path) && operations.some(showsEtc));
  lines.push(...hides.map((path) => `/dev/null ${quoted(join(root, path))} none bind 0 0`));
  const hidden = maskedDirectories.filter((path) => existsSync(path) && operations.some(showsEtc));
  lines.push(...hidden.map((path) => `tmpfs ${quoted(join(root, path))} tmpfs ro 0 0`));
  lines.push(...devices.map((name) => `/dev/${name} ${quoted(join(root, 'dev', name))} none bind 0 0`));
  lines.push(`proc ${quoted(join(root, 'proc'))} proc rw 0 0`);
  return `${lines.join('\n')}\n`;
}

const showsEtc = (operation: RootOperation) => operation.kind === 'bind' && operation.source === '/etc';

function listDirectory(path: string): RootEntry[] {
  try {
    return readdirSync(path === '' ? '/' : path, { withFileTypes: true }).flatMap((entry): RootEntry[] => {
      if (entry.isSymbolicLink())
        return [{ name: entry.name, kind: 'link', target: readlinkSync(join(path || '/', entry.name)) }];
      return [{ name: entry.name, kind: entry.isDirectory() ? 'directory' : 'file' }];
    });
  } catch {
    // A directory that cannot be read shows nothing.
    return [];
  }
}

function shownOf(directory: string): ReadonlySet<string> {
  const own = new Set(['proc', 'dev', 'sys', 'tmp', 'run']);
  return new Set(
    listDirectory(directory)
      .map(({ name }) => name)
      .filter((name) => !own.has(name)),
  );
}

const certificateFiles = () =>
  [
    'SSL_CERT_FILE',
    'NODE_EXTRA_CA_CERTS',
    'PIP_CERT',
    'REQUESTS_CA_BUNDLE',
    'GIT_SSL_CAINFO',
    'PIP_FIND_LINKS',
  ]
    .map((name) => process.env[name])
    .concat(hostEnvironment().PIP_CONFIG_FILE)
    .filter((path): path is string => path?.startsWith('/') ?? false);

/** `/etc/resolv.conf` is often a link to a file below `/run`, which the sandbox does not show. */
function resolverDirectory() {
  const path = realpathOf('/etc/resolv.conf');
  return path && !path.startsWith('/etc/')
    ? [{ hostPath: dirname(path), mountPath: dirname(path), readOnly: true, file: false }]
    : [];
}

const resolverFiles = () =>
  ['/etc/resolv.conf', '/etc/hosts']
    .filter((path) => existsSync(path))
    .map((path) => ({ hostPath: realpathSync(path), mountPath: path, readOnly: true, file: true }));

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

function isFile(path: string): boolean {
  return existsSync(path) && !statSync(path).isDirectory();
}

/** Tries a sandbox once. @returns why it does not work here, or undefined where it does */
export async function probeSandbox(tools: HostTools, directory: string): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'namespaces exist only on Linux';
  try {
    const driver = new SandboxDriver(tools);
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
    await runCommand('rm', ['-rf', directory]).catch(() => undefined);
  }
}
