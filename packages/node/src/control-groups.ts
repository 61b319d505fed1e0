import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What a container may use at most. */
export interface ResourceLimits {
  /** Bytes. */
  readonly memory?: number;
  /** Cores; 0.5 is half of one. */
  readonly cpu?: number;
  /** Cores that it asks for: where all want the CPUs, it gets them in proportion to this. Absent: as if it were one. */
  readonly requestedCpu?: number;
  /** Processes and threads of the container. */
  readonly processes?: number;
}

/** The control group of one container. */
export interface ControlGroup {
  /** A process that writes its pid into these files is in the group, with all it starts. */
  readonly processFiles: readonly string[];
  /** Its memory controller on the host, and where programs look for that in a container. */
  readonly memory?: { readonly hostPath: string; readonly mountPath: string };
  /** Whether the kernel ended a process of it for lack of memory. */
  outOfMemory(): Promise<boolean>;
  /** Ends every process of the group, those too that left their session and parent. */
  kill(): Promise<void>;
  /** Removes the group, once its processes have ended. */
  remove(): Promise<void>;
}

type ControllerName = 'memory' | 'cpu' | 'pids';

/** Where a controller's groups of this node stand. */
interface Hierarchy {
  readonly version: 1 | 2;
  readonly controllers: readonly ControllerName[];
  readonly directory: string;
}

const wanted: readonly ControllerName[] = ['memory', 'cpu', 'pids'];
const period = 100_000;

/** Limits on memory, processor time and number of processes, by Linux' control groups (v2, v1 or both). */
export class ControlGroups {
  readonly #hierarchies: readonly Hierarchy[];

  private constructor(hierarchies: readonly Hierarchy[]) {
    this.#hierarchies = hierarchies;
  }

  /** @param name of the group that holds all of this node's; one host may run several */
  static async detect(name: string): Promise<ControlGroups> {
    if (process.platform !== 'linux') return new ControlGroups([]);
    const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
    const own = await readFile('/proc/self/cgroup', 'utf8').catch(() => '');
    const found: Hierarchy[] = [];
    for (const line of mounts.split('\n')) {
      const hierarchy = await hierarchyOf(line, own, name);
      if (hierarchy) found.push(hierarchy);
    }
    return new ControlGroups(found);
  }

  /** Which controllers work here. */
  get controllers(): readonly ControllerName[] {
    return wanted.filter((name) => this.#hierarchies.some(({ controllers }) => controllers.includes(name)));
  }

  /** Of the limits given, the names of those that cannot be applied here. */
  missing(limits: ResourceLimits): string[] {
    const needs: [ControllerName, number | undefined][] = [
      ['memory', limits.memory],
      ['cpu', limits.cpu],
      ['pids', limits.processes],
    ];
    return needs.flatMap(([name, value]) =>
      value !== undefined && !this.controllers.includes(name) ? [name] : [],
    );
  }

  /**
   * Makes a group.
   * @param path below this node's own group, such as a pod's uid and a container's name
   * @param pod what all in the group above it may use: weights count among neighbours only
   */
  create(path: string, limits: ResourceLimits, pod: ResourceLimits = {}): ControlGroup {
    const groups = this.#hierarchies.map((hierarchy) => ({
      hierarchy,
      directory: join(hierarchy.directory, path),
    }));
    for (const { hierarchy, directory } of groups) {
      makeGroup(hierarchy, path);
      for (const [file, value] of settings(hierarchy, pod))
        writeFileSync(join(dirname(directory), file), value);
      for (const [file, value] of settings(hierarchy, limits)) writeFileSync(join(directory, file), value);
    }
    const memory = groups.find(({ hierarchy }) => hierarchy.controllers.includes('memory'));
    return {
      ...(memory ? { memory: memoryFiles(memory) } : {}),
      processFiles: groups.map(({ directory }) => join(directory, 'cgroup.procs')),
      outOfMemory: async () => {
        if (!memory) return false;
        const file = memory.hierarchy.version === 2 ? 'memory.events' : 'memory.oom_control';
        const text = read(join(memory.directory, file));
        return /^oom_kill [1-9]/m.test(text);
      },
      kill: () => killAll(groups[0] && join(groups[0].directory, 'cgroup.procs')),
      remove: async () => {
        for (const { directory } of groups) await removeGroup(directory);
        const pod = dirname(path);
        // The last container of a pod takes the pod's group with it.
        if (pod !== '.')
          for (const { hierarchy } of groups) failureOf(() => rmdirSync(join(hierarchy.directory, pod)));
      },
    };
  }

  /**
   * Removes what an earlier life left, once its processes have ended.
   * @param others names of groups of nodes, the pid of each in parentheses: those whose process is gone are removed too
   */
  async clean(others?: RegExp): Promise<void> {
    for (const { directory } of this.#hierarchies) {
      const siblings = others ? await readdir(dirname(directory)).catch(() => []) : [];
      for (const name of siblings) {
        const pid = others!.exec(name)?.[1];
        if (pid && !existsSync(`/proc/${pid}`)) await removeTree(join(dirname(directory), name));
      }
      for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => []))
        if (entry.isDirectory()) await removeTree(join(directory, entry.name));
    }
  }

  /** Removes all of this node's groups. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { directory } of this.#hierarchies) await removeTree(directory);
  }
}

const memoryFiles = ({ hierarchy, directory }: { hierarchy: Hierarchy; directory: string }) => ({
  hostPath: directory,
  mountPath: hierarchy.version === 2 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory',
});

/** Kills until nothing is left: what forks meanwhile is met in the next round. */
async function killAll(file: string | undefined): Promise<void> {
  for (let round = 0; file && round < 100; round++) {
    const text = read(file);
    const pids = text.split('\n').filter(Boolean).map(Number);
    if (pids.length === 0) return;
    for (const pid of pids)
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function hierarchyOf(line: string, own: string, name: string): Promise<Hierarchy | undefined> {
  // proc(5): id parent major:minor root mountpoint options ... - type source superoptions
  const [fields, rest] = line.split(' - ');
  const mountPoint = fields?.split(' ')[4];
  const [type, , options = ''] = rest?.split(' ') ?? [];
  if (!mountPoint || (type !== 'cgroup' && type !== 'cgroup2')) return undefined;
  if (type === 'cgroup2') return unified(mountPoint, name);
  const controllers = wanted.filter((controller) => options.split(',').includes(controller));
  if (controllers.length === 0) return undefined;
  const path = own
    .split('\n')
    .map((entry) => entry.split(':'))
    .find(([, names]) => names?.split(',').includes(controllers[0]!))?.[2];
  const candidates = [path, '/'].map((parent) => join(mountPoint, parent ?? '/')).filter(existsSync);
  const directory = await firstWritable(candidates, name);
  return directory === undefined ? undefined : { version: 1, controllers, directory };
}

/** In v2 a group with processes cannot hand controllers on, so the node's stands at the top. */
async function unified(mountPoint: string, name: string): Promise<Hierarchy | undefined> {
  const enabled = await readFile(join(mountPoint, 'cgroup.subtree_control'), 'utf8').catch(() => '');
  const available = await readFile(join(mountPoint, 'cgroup.controllers'), 'utf8').catch(() => '');
  const controllers = wanted.filter((controller) => available.split(/\s+/).includes(controller));
  if (controllers.length === 0) return undefined;
  try {
    for (const controller of controllers)
      if (!enabled.split(/\s+/).includes(controller))
        await writeFile(join(mountPoint, 'cgroup.subtree_control'), `+${controller}`);
  } catch {
    return undefined;
  }
  const directory = await firstWritable([mountPoint], name);
  if (directory === undefined) return undefined;
  delegate(directory, controllers);
  return { version: 2, controllers, directory };
}

async function firstWritable(parents: readonly string[], name: string): Promise<string | undefined> {
  for (const parent of parents) {
    const directory = join(parent, name);
    const made = await mkdir(directory, { recursive: true }).then(
      () => true,
      () => false,
    );
    if (made) return directory;
  }
  return undefined;
}

const delegate = (directory: string, controllers: readonly string[]) =>
  writeFileSync(
    join(directory, 'cgroup.subtree_control'),
    controllers.map((controller) => `+${controller}`).join(' '),
  );

function makeGroup({ version, controllers, directory }: Hierarchy, path: string): void {
  const group = join(directory, path);
  mkdirSync(group, { recursive: true });
  if (version === 1) return;
  for (let parent = dirname(group); parent.length > directory.length; parent = dirname(parent))
    delegate(parent, controllers);
}

/** By the version of control groups: `usual` is the weight of what says nothing (cgroup-v2 `cpu.weight`, sched-design-CFS `cpu.shares`). */
const cpuWeights = {
  1: { file: 'cpu.shares', usual: 1024, least: 2, most: 262_144 },
  2: { file: 'cpu.weight', usual: 100, least: 1, most: 10_000 },
} as const;

function settings({ version, controllers }: Hierarchy, limits: ResourceLimits): [string, string][] {
  const { memory, cpu, requestedCpu, processes } = limits;
  const files: [ControllerName, string, string][] = [];
  if (memory !== undefined)
    files.push([
      'memory',
      version === 2 ? 'memory.max' : 'memory.limit_in_bytes',
      String(Math.floor(memory)),
    ]);
  if (processes !== undefined) files.push(['pids', 'pids.max', String(processes)]);
  if (requestedCpu !== undefined) {
    const { file, usual, least, most } = cpuWeights[version];
    const weight = Math.min(most, Math.max(least, Math.round(usual * requestedCpu)));
    files.push(['cpu', file, String(weight)]);
  }
  if (cpu !== undefined) {
    const quota = String(Math.max(1000, Math.round(cpu * period)));
    if (version === 2) files.push(['cpu', 'cpu.max', `${quota} ${period}`]);
    else files.push(['cpu', 'cpu.cfs_period_us', String(period)], ['cpu', 'cpu.cfs_quota_us', quota]);
  }
  return files.filter(([name]) => controllers.includes(name)).map(([, file, value]) => [file, value]);
}

/** The text of a control group's file; none where the group is gone. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function failureOf(work: () => void): NodeJS.ErrnoException | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

async function removeGroup(directory: string): Promise<void> {
  // Processes that were just killed leave the group a moment later; the next start removes what stays.
  for (let attempt = 0; attempt < 20; attempt++) {
    if (failureOf(() => rmdirSync(directory))?.code !== 'EBUSY') return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function removeTree(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => []))
    if (entry.isDirectory()) await removeTree(join(directory, entry.name));
  await removeGroup(directory);
}
