// Tagboat's API beside etcd on the same disk, in turn in one run.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { etcd } from './etcd.ts';
import { type Peer, tagboat } from './peers.ts';

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

async function took(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** One change after another to all watchers. @returns deliveries a second */
async function fanOut(peer: Peer, round: number): Promise<number> {
  const changes = 20;
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
    await peer.update(nameOf(index), object(nameOf(index), round * 1000 + index + 100));
  await done.promise;
  const took = performance.now() - begun;
  for (const stop of stops) stop();
  return (watchers * changes * 1000) / took;
}

interface Figure {
  readonly name: string;
  readonly rounds: number;
  measure(peer: Peer, round: number): Promise<number>;
}

const put = (peer: Peer) => (index: number) => peer.put(nameOf(index), object(nameOf(index)));
const update = (peer: Peer, round: number) => (index: number) =>
  peer.update(nameOf(index), object(nameOf(index), round + 1));

const figures: readonly Figure[] = [
  {
    name: 'creates/s, one at a time',
    rounds: 5,
    measure: (peer, round) => rate(round * 500, (round + 1) * 500, 1, put(peer)),
  },
  {
    name: 'creates/s, 64 at once',
    rounds: 5,
    measure: (peer, round) => rate(2500 + round * 1500, 2500 + (round + 1) * 1500, 64, put(peer)),
  },
  {
    name: 'updates/s, 64 at once',
    rounds: 5,
    measure: (peer, round) => rate(0, 3000, 64, update(peer, round)),
  },
  {
    name: 'gets/s, 64 at once',
    rounds: 5,
    measure: (peer) => rate(0, 5000, 64, (index) => peer.get(nameOf(index))),
  },
  { name: 'list of 10,000, ms', rounds: 7, measure: (peer) => took(() => peer.list()) },
  { name: `deliveries/s to ${watchers} watchers`, rounds: 3, measure: fanOut },
  {
    name: `start-up with ${many} objects, ms`,
    rounds: 3,
    async measure(peer, round) {
      if (round === 0) await rate(10_000, many, 128, put(peer));
      return peer.restart(nameOf(5));
    },
  },
  {
    name: `memory at ${many} objects, MiB`,
    rounds: 1,
    measure: async (peer) => (await peer.memory()) / 2 ** 20,
  },
];

const lowerIsBetter = (name: string) => /ms$|MiB$/.test(name);
const middle = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

/**
 * Asks both in turn, round after round, so that whatever else the machine does meets both. Figures are medians; how many
 * times as good is the median of the rounds' ratios.
 */
async function compare({ name, rounds, measure }: Figure, [ours, theirs]: readonly [Peer, Peer]) {
  const measured: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < rounds; round++)
    measured.push({ ours: await measure(ours, round), theirs: await measure(theirs, round) });
  const ratio = (pair: { ours: number; theirs: number }) =>
    lowerIsBetter(name) ? pair.theirs / pair.ours : pair.ours / pair.theirs;
  const row = {
    what: name,
    tagboat: Number(middle(measured.map((pair) => pair.ours)).toFixed(1)),
    etcd: Number(middle(measured.map((pair) => pair.theirs)).toFixed(1)),
    'times as good': Number(middle(measured.map(ratio)).toFixed(2)),
  };
  if (!values.json) process.stderr.write(`${name}: ${row.tagboat} beside ${row.etcd}\n`);
  return row;
}

if (spawnSync('etcd', ['--version']).error) {
  process.stderr.write('there is no etcd on the PATH: apt install etcd-server\n');
  process.exit(1);
}
const directory = await mkdtemp(join(tmpdir(), 'bench-apiserver-'));
try {
  const own = [join(directory, 'tagboat'), join(directory, 'etcd')] as const;
  for (const path of own) await mkdir(path, { mode: 0o700 });
  await using ours = await tagboat(own[0], port);
  await using theirs = await etcd(own[1], port + 2);
  // Both get warm first: one compiles, the other maps its file.
  for (const peer of [ours, theirs]) await rate(900_000, 906_000, 16, put(peer));
  const rows: object[] = [];
  for (const figure of figures) rows.push(await compare(figure, [ours, theirs]));
  if (values.json) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else console.table(rows);
} finally {
  await rm(directory, { recursive: true, force: true });
}
process.exit(0);
