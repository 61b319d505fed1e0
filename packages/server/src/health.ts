import { access, constants, readdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CollectionReport, Finding, Health } from '@tagboat/api';
import { describeError, invalid, isReason, TagboatError } from '@tagboat/base';
import { type HostTools, probeHost } from '@tagboat/node';
import { runCommand } from '@tagboat/process';
import { resolveInterpreter } from '@tagboat/python';
import { type Configuration, portNames } from './configuration.ts';

export interface HealthSources {
  readonly configuration: Configuration;
  readonly tools: HostTools;
  readonly url: string;
  readonly appsUrl: string;
  readonly startedAt: string;
  readonly collection: CollectionReport | undefined;
}

/** Looks anew at each call; reading how much storage is used takes a moment. */
export async function healthOf(sources: HealthSources): Promise<Health> {
  const { configuration, tools, startedAt, collection } = sources;
  const { home } = configuration;
  const [storage, freeBytes, findings] = await Promise.all([
    storageOf(home),
    freeSpace(home),
    hostFindings(home, async () => tools),
  ]);
  return {
    ports: portsOf(sources),
    storage,
    freeBytes,
    findings,
    startedAt,
    memoryBytes: process.memoryUsage().rss,
    ...(collection ? { collection } : {}),
  };
}

function portsOf({ configuration, url, appsUrl }: HealthSources): Health['ports'] {
  const embedded = {
    code: `${url}/git`,
    cluster: url,
    registry: `${url}/v2`,
    tracking: url,
    metrics: `${url}/prometheus`,
    identity: `${url}/sign-in`,
  } as const;
  const all = portNames.map((name) => {
    const outside = configuration.ports[name]?.url;
    return {
      name,
      where: outside ? ('external' as const) : ('embedded' as const),
      url: outside ?? embedded[name],
    };
  });
  return [
    ...all,
    { name: 'inference', where: 'embedded', url: appsUrl },
    { name: 'notebooks', where: 'embedded', url: appsUrl },
  ];
}

async function storageOf(home: string): Promise<Health['storage']> {
  const entries = await readdir(home, { withFileTypes: true });
  const directories = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const sizes = await Promise.all(
    directories.map(async (name) => {
      const { stdout } = await runCommand('du', ['-sk', join(home, name)], { timeout: 20_000 });
      const kibibytes = Number(/^(\d+)/.exec(stdout.toString('utf8'))?.[1]);
      // Files that vanish while they are counted are no failure, though du says so.
      return { name, bytes: Number.isNaN(kibibytes) ? 0 : kibibytes * 1024 };
    }),
  );
  return sizes.sort((a, b) => b.bytes - a.bytes);
}

/** What this machine has, and what is missing. `tools` is asked only where pods are looked at. */
export async function hostFindings(home: string, tools: () => Promise<HostTools>): Promise<Finding[]> {
  return Promise.all([
    check(
      'git',
      async () => (await runCommand('git', ['--version'])).stdout.toString('utf8').trim(),
      'install git',
    ),
    check(
      'python',
      async () => {
        const { version, path } = await resolveInterpreter();
        return `${version} (${path})`;
      },
      'install Python 3.10 or later',
    ),
    check('node', async () => process.version, ''),
    check('state', () => stateDirectory(home), 'choose a directory of yours with TAGBOAT_HOME'),
    check('pods', async () => (await probeHost(await tools(), home)) ?? 'sandbox', ''),
  ]);
}

/** One finding: what `look` says, or why it could not. */
export async function check(what: string, look: () => Promise<string>, hint: string): Promise<Finding> {
  try {
    return { what, state: 'ok', found: await look() };
  } catch (error) {
    // A workbench's token, as in its terminal, opens its project and no more.
    if (isReason(error, 'Forbidden'))
      return { what, state: 'note', found: `this token may not look: ${describeError(error)}` };
    // What the error itself says to do is about this very case.
    const toDo = error instanceof TagboatError && error.hint ? '' : hint;
    return { what, state: 'missing', found: `${describeError(error)}${toDo ? `; ${toDo}` : ''}` };
  }
}

/** @throws `Invalid` where nothing can be written to it */
async function stateDirectory(home: string): Promise<string> {
  const place = await nearest(home);
  if (!(await stat(place)).isDirectory()) throw invalid(`expected a directory, found the file ${place}`);
  await access(place, constants.W_OK).catch(() => {
    throw invalid(`cannot write to ${place}`);
  });
  const kind = networkFileSystems[(await statfs(place)).type];
  const note = kind ? `; it lies on ${kind}, and is slow and unsafe there: choose a local disk` : '';
  return `${home}, ${Math.round((await freeSpace(home)) / 2 ** 30)} GiB free${note}`;
}

/** By the number that statfs(2) gives them: SQLite's log, and locks, need a disk of this machine. */
const networkFileSystems: Readonly<Record<number, string>> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB',
  16914839: '9p',
  12805120: 'Ceph',
  198183888: 'Lustre',
};

/** Bytes that are free where a path is, or will be. */
async function freeSpace(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(await nearest(path));
  return bavail * bsize;
}

/** The path, or the directory nearest to it that is there. */
async function nearest(path: string): Promise<string> {
  for (let directory = path; ; directory = dirname(directory)) {
    const there = await access(directory, constants.F_OK).then(
      () => true,
      () => false,
    );
    if (there || directory === '/') return directory;
  }
}
