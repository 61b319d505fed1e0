// What the engine adds to the work of a pipeline, beside bare shells and other runners of graphs. See README.md.
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kinds, type PipelineRun } from '@tagboat/api';
import { spawner, startCommandsWith } from '@tagboat/process';
import { type Engine, startEngine } from '@tagboat/server';
import { exampleTools } from '../../conformance/tekton/tools.ts';
import { otherTools, timeShells } from './beside.ts';
import {
  chain,
  createRun,
  ended,
  type Graph,
  layered,
  parallel,
  timePipelineRun,
  timeTaskRun,
} from './runs.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    queued: { type: 'string', default: '1000' },
    driver: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const median = (all: readonly number[]) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)]!;
const ms = (value: number) => `${value.toFixed(1)} ms`;
const say = (text: string) => process.stdout.write(`${text}\n`);

async function repeated(count: number, measure: () => Promise<number>): Promise<number> {
  const all: number[] = [];
  for (let index = 0; index < count; index++) all.push(await measure());
  return median(all);
}

async function steps(engine: Engine): Promise<number> {
  const shell = (await repeated(rounds, () => timeShells(20))) / 20;
  const one = await repeated(rounds * 4, () => timeTaskRun(engine, 1));
  const many = await repeated(rounds, () => timeTaskRun(engine, 20));
  const step = (many - one) / 19;
  say(`a bare shell                     ${ms(shell)}`);
  say(`a task of one step               ${ms(one)}`);
  say(`a task of 20 steps               ${ms(many)}`);
  say(
    `each further step                ${ms(step)}  (${ms(step - shell)} over the bare shell; aim: under 40 ms)`,
  );
  return step;
}

async function tasks(engine: Engine, step: number): Promise<void> {
  const fifty = await repeated(rounds, () => timePipelineRun(engine, chain(50)));
  say(`a chain of 50 tasks              ${ms(fifty)}`);
  say(`each task, without its step      ${ms(fifty / 50 - step)}  (aim: under 10 ms)`);
}

async function graphs(engine: Engine): Promise<void> {
  const tools = otherTools();
  const all: [string, Graph][] = [
    ['200 parallel tasks', parallel(200)],
    ['a graph of 500 tasks', layered(10, 50)],
  ];
  for (const [name, graph] of all) {
    const own = await repeated(Math.min(rounds, 3), () => timePipelineRun(engine, graph));
    say(`${name.padEnd(32)} ${ms(own)}  (${ms(own / graph.length)} per task)`);
    for (const tool of tools) {
      const other = await repeated(tool.name === 'make' ? rounds : 1, () => tool.time(graph));
      say(`  ${tool.name.padEnd(30)} ${ms(other)}  (tagboat / ${tool.name}: ${(own / other).toFixed(2)})`);
    }
  }
}

const heap = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

async function deleteAll(engine: Engine): Promise<void> {
  for (const type of [kinds.PipelineRun, kinds.TaskRun]) {
    const { items } = await engine.store.list(type, {});
    for (const { metadata } of items)
      await engine.store
        .delete({ type, namespace: metadata.namespace ?? '', name: metadata.name })
        .catch(() => undefined);
  }
  for (;;) {
    const left = await engine.store.list(kinds.TaskRun, {});
    if (left.items.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function queued(engine: Engine, count: number): Promise<void> {
  await deleteAll(engine);
  for (let round = 1; round <= 2; round++) {
    const before = heap();
    const start = performance.now();
    const runs: PipelineRun[] = [];
    for (let index = 0; index < count; index++)
      runs.push(
        await createRun(engine, parallel(1), {
          'tagboat.dev/queue': `q${index % 10}`,
          'tagboat.dev/queue-limit': '2',
        }),
      );
    const created = performance.now() - start;
    await Promise.all(runs.map((run) => ended(engine, run)));
    const all = performance.now() - start;
    const after = heap();
    await deleteAll(engine);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    say(
      `${count} queued runs, ${round === 1 ? 'first' : 'again'}         ${(all / 1000).toFixed(1)} s  (${ms(all / count)} per run; created in ${(created / 1000).toFixed(1)} s)`,
    );
    say(
      `  heap: ${before.toFixed(1)} MiB before, ${after.toFixed(1)} with all runs finished (${((1024 * (after - before)) / count).toFixed(1)} KiB per run kept), ${heap().toFixed(1)} with them deleted`,
    );
  }
}

// As the platform does.
startCommandsWith(spawner.start);
const home = await mkdtemp(join(tmpdir(), 'tagboat-bench-'));
const alive = setInterval(() => undefined, 60_000);
{
  await using engine = await startEngine({
    home,
    tools: await exampleTools(),
    ...(values.driver === 'process' || values.driver === 'sandbox' ? { driver: values.driver } : {}),
  });
  const note = engine.node.driverNote;
  say(
    `${availableParallelism()} processors; steps run ${note ? `as plain processes (${note})` : 'in sandboxes'}`,
  );
  await engine.store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  await timeTaskRun(engine, 2);
  const step = await steps(engine);
  await tasks(engine, step);
  await graphs(engine);
  await queued(engine, Number(values.queued));
}
clearInterval(alive);
await rm(home, { recursive: true, force: true });
