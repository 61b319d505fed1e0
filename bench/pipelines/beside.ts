import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Graph } from './runs.ts';

const run = promisify(execFile);
const jobs = String(availableParallelism());

/** A shell that does nothing, so many times, one after the other. */
export async function timeShells(count: number): Promise<number> {
  const start = performance.now();
  for (let index = 0; index < count; index++) await run('sh', ['-c', ':']);
  return performance.now() - start;
}

const makefile = (graph: Graph) =>
  [
    `.PHONY: all ${graph.map(({ name }) => name).join(' ')}`,
    `all: ${graph.map(({ name }) => name).join(' ')}`,
    ...graph.map(({ name, after }) => `${name}: ${after.join(' ')}\n\t@/bin/sh -c ':;:'`),
  ].join('\n');

const snakefile = (graph: Graph) =>
  [
    `rule all:\n  input: ${graph.map(({ name }) => `"${name}"`).join(', ')}`,
    ...graph.map(
      ({ name, after }) =>
        `rule r_${name}:\n  output: touch("${name}")\n${after.length > 0 ? `  input: ${after.map((other) => `"${other}"`).join(', ')}\n` : ''}  shell: ":"`,
    ),
  ].join('\n');

export interface Tool {
  readonly name: string;
  time(graph: Graph): Promise<number>;
}

/** Other runners of graphs that this machine has: GNU make; snakemake on the PATH or in SNAKEMAKE. */
export function otherTools(): Tool[] {
  const snakemake = process.env.SNAKEMAKE ?? 'snakemake';
  const tools: [string, string, Tool['time']][] = [
    ['make', 'make', (graph) => inDirectory('Makefile', makefile(graph), 'make', ['-s', `-j${jobs}`, 'all'])],
    [
      'snakemake',
      snakemake,
      (graph) => inDirectory('Snakefile', snakefile(graph), snakemake, ['-q', 'all', '-j', jobs]),
    ],
  ];
  return tools.flatMap(([name, program, time]) => (isThere(program) ? [{ name, time }] : []));
}

function isThere(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function inDirectory(file: string, text: string, program: string, args: string[]): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'tagboat-bench-'));
  try {
    await writeFile(join(directory, file), `${text}\n`);
    const start = performance.now();
    await run(program, args, { cwd: directory, maxBuffer: 64 * 2 ** 20 });
    return performance.now() - start;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
