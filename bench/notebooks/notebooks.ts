// Our runner beside nbclient. See README.md.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { executeNotebook } from '@tagboat/notebooks';
import { testEnvironment } from '@tagboat/notebooks/testing';

const rounds = Number(process.argv[2] ?? 7);
const corpus = join(import.meta.dirname, '../../conformance/notebooks/corpus');
const environment = await testEnvironment();
if ('reason' in environment) throw new Error(environment.reason);
const { python } = environment;
const scratch = mkdtempSync(join(tmpdir(), 'tagboat-bench-'));
const env = { ...process.env, PATH: `${dirname(python)}:${process.env.PATH}`, PYTHONWARNINGS: 'ignore' };

interface Times {
  readonly cold: number;
  readonly warm: number;
}

/** A notebook of many small cells, where what counts is what each cell costs besides its work. */
function manyCells(count: number): string {
  const path = join(scratch, `${count}-cells.ipynb`);
  const cells = Array.from({ length: count }, (_, index) => ({
    cell_type: 'code',
    id: `c${index}`,
    metadata: {},
    execution_count: null,
    outputs: [],
    source: `x = ${index}\nx`,
  }));
  const metadata = { kernelspec: { name: 'python3', display_name: 'Python 3', language: 'python' } };
  writeFileSync(path, JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }));
  return path;
}

async function ours(path: string): Promise<Times> {
  const begun = performance.now();
  let first = 0;
  let last = 0;
  await executeNotebook({
    path,
    outputPath: join(scratch, 'ours.ipynb'),
    cwd: scratch,
    python,
    env,
    onEvent: (event) => {
      if (event.type !== 'cell') return;
      if (event.state === 'running') first ||= performance.now();
      else last = performance.now();
    },
  });
  return { cold: (performance.now() - begun) / 1000, warm: (last - first) / 1000 };
}

const child = spawn(python, [join(import.meta.dirname, 'with_nbclient.py')], {
  env,
  stdio: ['pipe', 'pipe', 'ignore'],
});
const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
async function nbclient(path: string): Promise<Times> {
  const request = { path, output: join(scratch, 'nbclient.ipynb'), cwd: scratch };
  child.stdin.write(`${JSON.stringify(request)}\n`);
  return JSON.parse((await answers.next()).value as string) as Times;
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const ratios: Record<keyof Times, number[]> = { cold: [], warm: [] };
try {
  const names = ['cells', 'streams', 'displays', 'plots', 'large'];
  for (const name of names) cpSync(join(corpus, `${name}.ipynb`), join(scratch, `${name}.ipynb`));
  const paths = [manyCells(200), ...names.map((name) => join(scratch, `${name}.ipynb`))];
  console.log(`${rounds} rounds each; seconds, ours / nbclient`);
  for (const path of paths) {
    const times: { ours: Times[]; nbclient: Times[] } = { ours: [], nbclient: [] };
    await ours(path);
    await nbclient(path);
    for (let round = 0; round < rounds; round++) {
      times.ours.push(await ours(path));
      times.nbclient.push(await nbclient(path));
    }
    const line = (['cold', 'warm'] as const).map((kind) => {
      const [a, b] = [median(times.ours.map((t) => t[kind])), median(times.nbclient.map((t) => t[kind]))];
      ratios[kind].push(a / b);
      return `${kind} ${a.toFixed(3)} / ${b.toFixed(3)} = ${(a / b).toFixed(2)}`;
    });
    console.log(`${basename(path, '.ipynb').padEnd(12)} ${line.join('   ')}`);
  }
  const geometric = (values: readonly number[]) =>
    Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
  console.log(
    `ratio to nbclient: cold ${geometric(ratios.cold).toFixed(2)}, warm ${geometric(ratios.warm).toFixed(2)}`,
  );
} finally {
  child.stdin.end();
  rmSync(scratch, { recursive: true, force: true });
}
