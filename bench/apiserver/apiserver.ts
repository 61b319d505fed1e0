// Tagboat's API beside etcd on the same disk, one after the other in one run.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { etcd, type Peer, tagboat } from './peers.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '18170' },
    objects: { type: 'string', default: '100000' },
    watchers: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
  },
});
const port = Number(values.port);
const many = Number(values.objects);
const watchers = Number(values.watchers);

const text = 'x'.repeat(1000);
const object = (name: string, revision = 0) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'bench', labels: { app: 'bench', half: name.endsWith('1') ? 'a' : 'b' } },
  data: { text, revision: String(revision) },
});
const nameOf = (index: number) => `object-${String(index).padStart(6, '0')}`;

/** Does all of a range, so many at once. @returns how many a second */
async function rate(
  from: number,
  to: number,
  concurrency: number,
  work: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = from;
  const begun = performance.now();
  const worker = async () => {
    while (next < to) await work(next++);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return ((to - from) * 1000) / (performance.now() - begun);
}

async function median(times: number, work: () => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  for (let index = 0; index < times; index++) {
    const begun = performance.now();
    await work();
    took.push(performance.now() - begun);
  }
  return took.sort((a, b) => a - b)[Math.floor(times / 2)]!;
}

/** One change after another to all watchers. @returns deliveries a second */
async function fanOut(peer: Peer): Promise<number> {
  const changes = 50;
  let left = watchers * changes;
  const done = Promise.withResolvers<void>();
  const stops = await Promise.all(
    Array.from({ length: watchers }, () =>
      peer.watch(() => {
        left--;
        if (left === 0) done.resolve();
      }),
    ),
  );
  const begun = performance.now();
  for (let index = 0; index < changes; index++)
    await peer.update(nameOf(index), object(nameOf(index), index + 100));
  await done.promise;
  const took = performance.now() - begun;
  for (const stop of stops) stop();
  return (watchers * changes * 1000) / took;
}

type Figures = Record<string, number>;

async function measure(peer: Peer): Promise<Figures> {
  const figures: Figures = {};
  const note = (name: string, value: number) => {
    figures[name] = value;
    if (!values.json) process.stderr.write(`${peer.name}: ${name} ${value.toFixed(1)}\n`);
  };
  // Both get warm first: one compiles, the other maps its file.
  await rate(900_000, 903_000, 16, (index) => peer.put(nameOf(index), object(nameOf(index))));
  note(
    'creates/s, one at a time',
    await rate(0, 1000, 1, (index) => peer.put(nameOf(index), object(nameOf(index)))),
  );
  note(
    'creates/s, 64 at once',
    await rate(1000, 10_000, 64, (index) => peer.put(nameOf(index), object(nameOf(index)))),
  );
  note(
    'updates/s, 64 at once',
    await rate(0, 10_000, 64, (index) => peer.update(nameOf(index), object(nameOf(index), 1))),
  );
  note('gets/s, 64 at once', await rate(0, 20_000, 64, (index) => peer.get(nameOf(index % 10_000))));
  note('list of 10,000, ms', await median(7, () => peer.list()));
  note(`deliveries/s to ${watchers} watchers`, await fanOut(peer));
  await rate(10_000, many, 128, (index) => peer.put(nameOf(index), object(nameOf(index))));
  note(`start-up with ${many} objects, ms`, await peer.restart(nameOf(5)));
  await peer.get(nameOf(7));
  note(`memory at ${many} objects, MiB`, (await peer.memory()) / 2 ** 20);
  return figures;
}

const lowerIsBetter = (name: string) => /ms$|MiB$/.test(name);

if (spawnSync('etcd', ['--version']).error) {
  process.stderr.write('there is no etcd on the PATH: apt install etcd-server\n');
  process.exit(1);
}
const directory = await mkdtemp(join(tmpdir(), 'bench-apiserver-'));
try {
  const results: Figures[] = [];
  for (const [index, open] of [tagboat, etcd].entries()) {
    const own = join(directory, String(index));
    await mkdir(own, { mode: 0o700 });
    await using peer = await open(own, port + index * 2);
    results.push(await measure(peer));
  }
  const [ours, theirs] = results as [Figures, Figures];
  const rows = Object.keys(ours).map((name) => ({
    what: name,
    tagboat: Number(ours[name]!.toFixed(1)),
    etcd: Number(theirs[name]!.toFixed(1)),
    'times as good': Number(
      (lowerIsBetter(name) ? theirs[name]! / ours[name]! : ours[name]! / theirs[name]!).toFixed(2),
    ),
  }));
  if (values.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else console.table(rows);
} finally {
  await rm(directory, { recursive: true, force: true });
}
process.exit(0);
