// Tag -> first answer of the new version, beside the bare floor. See README.md.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Client } from '@tagboat/client';
import { finishedRun, PlatformProcess, reasonOf, serving, WorkingCopy } from '@tagboat/dev-env';
import { runChecked } from '@tagboat/process';
import { ensureEnvironment } from '@tagboat/python';
import { costOf, family } from './platform-cost.ts';
import { type Phase, Timeline } from './timeline.ts';

const here = dirname(fileURLToPath(import.meta.url));
const example = join(here, '..', '..', 'examples', 'flaky-tests');
const project = 'bench';
const model = 'flaky-tests';
const question = JSON.stringify({ name: 'login works', results: [1, 12, 1, 1, 1, 12, 1, 1] });
const answerCode = `
import json, os, sys
sys.path.insert(0, "src")
from predict import FlakyTests
print(json.dumps(FlakyTests.load("models/flaky-tests.joblib").predict(json.loads(sys.argv[1])), default=str)[:80])
`;

interface Round {
  readonly seconds: number;
  readonly phases: readonly Phase[];
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const seconds = (value: number) => `${value.toFixed(2)} s`;

/** Pushes a tag and waits for the first answer of what it released. */
async function ship(
  { platform, copy, client }: { platform: PlatformProcess; copy: WorkingCopy; client: Client },
  tag: string,
  files: Readonly<Record<string, string>>,
): Promise<Round> {
  await copy.write(files);
  await copy.commit(tag);
  await copy.git('tag', tag);
  const timeline = new Timeline(client, project);
  const start = performance.now();
  await copy.push(`refs/tags/${tag}`);
  await serving(client, { namespace: `${project}-staging`, model, tag });
  const response = await fetch(`${platform.appsUrl}/${project}-staging/${model}/predict`, {
    method: 'POST',
    body: question,
  });
  const end = performance.now();
  if (!response.ok) throw new Error(`no answer: ${response.status} ${await response.text()}`);
  const run = await finishedRun(client, project, tag);
  if (reasonOf(run) !== 'Succeeded') throw new Error(`the run of ${tag} ended ${reasonOf(run)}`);
  const phases = timeline.phases(tag, start);
  await timeline.stop();
  return { seconds: (end - start) / 1000, phases: [...phases, ...edges(phases, end - start)] };
}

const edges = (phases: readonly Phase[], end: number): Phase[] => [
  { name: 'push, trigger', from: 0, to: Math.min(...phases.map(({ from }) => from)) },
  { name: 'sync, start, answer', from: Math.max(...phases.map(({ to }) => to)), to: end },
];

/** The same work by hand. @returns seconds */
async function floor(repository: string, tag: string, eps: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'tagboat-floor-'));
  try {
    const python = await floorPython();
    const cwd = join(directory, 'clone');
    const start = performance.now();
    await runChecked('git', ['clone', '--quiet', '--branch', tag, repository, cwd]);
    const run = (...args: string[]) => runChecked(python, args, { cwd });
    const notebook = 'notebooks/testgrid_clustering.ipynb';
    await run(join(here, 'floor.py'), notebook, JSON.stringify({ eps, min_samples: 5 }));
    await run('src/evaluate.py');
    await run('-c', answerCode, question);
    return (performance.now() - start) / 1000;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

let madeFloor: Promise<string> | undefined;

function floorPython(): Promise<string> {
  const environments = join(tmpdir(), 'tagboat-bench-environments');
  madeFloor ??= ensureEnvironment({
    requirements: { directory: example, file: 'requirements.txt' },
    environmentsDirectory: environments,
    cacheDirectory: join(environments, '.cache'),
    extra: ['ipykernel', 'nbclient', 'nbformat'],
  }).then(({ python }) => python);
  return madeFloor;
}

async function idleCost(pid: number): Promise<string> {
  const before = new Map(family(pid).map((id) => [id, costOf(id)?.cpu ?? 0]));
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  const after = [...before].flatMap(([id, cpu]) => {
    const cost = costOf(id);
    return cost ? [{ used: cost.cpu - cpu, residentMiB: cost.residentMiB }] : [];
  });
  const used = after.reduce((sum, cost) => sum + cost.used, 0);
  const resident = after.reduce((sum, cost) => sum + cost.residentMiB, 0);
  const own = costOf(pid)?.residentMiB ?? 0;
  return `${own.toFixed(0)} MiB resident (with what it runs: ${resident.toFixed(0)} MiB), ${((used / 20) * 100).toFixed(2)} % of a core`;
}

function printPhases(rounds: readonly Round[]): void {
  for (const name of new Set(rounds.flatMap(({ phases }) => phases.map((phase) => phase.name))))
    console.log(
      `  ${name.padEnd(22)} ${seconds(median(rounds.flatMap(({ phases }) => phases.filter((phase) => phase.name === name).map(({ from, to }) => (to - from) / 1000))))}`,
    );
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
  const rounds = Number(values.rounds);
  const local = mkdtempSync(join(tmpdir(), 'tagboat-bench-'));
  cpSync(example, local, { recursive: true });
  await using platform = await PlatformProcess.start();
  await using copy = await WorkingCopy.create(() => platform.gitUrl(project, model), {});
  try {
    cpSync(local, copy.directory, { recursive: true });
    const client = await platform.client();
    const yaml = readFileSync(join(example, 'tagboat.yaml'), 'utf8');
    const parts = { platform, copy, client };
    console.log('warming up: environments, layers, compile cache');
    await ship(parts, 'v0.0.1', {});
    await ship(parts, 'v0.0.2', { 'README.md': '# warm\n' });
    await floor(copy.directory, 'v0.0.1', 0.5);
    const trained: Round[] = [];
    const bare: number[] = [];
    for (let index = 1; index <= rounds; index++) {
      const eps = 0.5 + index / 1000;
      const tag = `v0.1.${index}`;
      trained.push(await ship(parts, tag, { 'tagboat.yaml': yaml.replace('eps: 0.5', `eps: ${eps}`) }));
      bare.push(await floor(copy.directory, tag, eps));
      console.log(`  ${tag}: ${seconds(trained.at(-1)!.seconds)}, by hand ${seconds(bare.at(-1)!)}`);
    }
    const readme: Round[] = [];
    for (let index = 1; index <= rounds; index++)
      readme.push(await ship(parts, `v0.2.${index}`, { 'README.md': `# ${index}\n` }));
    const [ours, theirs] = [median(trained.map((round) => round.seconds)), median(bare)];
    console.log(
      `\ntag to answer ${seconds(ours)}, by hand ${seconds(theirs)}: ratio ${(ours / theirs).toFixed(2)}`,
    );
    printPhases(trained);
    console.log(`README-only tag ${seconds(median(readme.map((round) => round.seconds)))}`);
    printPhases(readme);
    console.log(`idle: ${await idleCost(platform.pid)}`);
  } finally {
    rmSync(local, { recursive: true, force: true });
  }
}

await main();
