import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { startEngine } from '@tagboat/server';
import { createAll, findExamples, type Outcome, runExample } from './examples.ts';
import { exampleTools } from './tools.ts';

const usage = `npm run conformance:tekton -- DIR...
  Runs every YAML file below the directories as Tekton's own example tests do: all objects of a file are created, and
  every TaskRun and PipelineRun in it must succeed.
  --only TEXT     only files whose path holds TEXT
  --jobs N        how many files at once (default 4)
  --timeout S     seconds a file may take (default 120)
  --driver NAME   sandbox or process
  --cluster FILE  objects that are there before, such as Tekton's settings (default: cluster.yaml beside this program)
  --verbose       also name the files that passed`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    jobs: { type: 'string', default: '4' },
    timeout: { type: 'string', default: '120' },
    driver: { type: 'string' },
    cluster: { type: 'string', default: join(import.meta.dirname, 'cluster.yaml') },
    verbose: { type: 'boolean', default: false },
  },
});
if (positionals.length === 0) {
  process.stderr.write(`${usage}\n`);
  process.exit(2);
}

const files = (await Promise.all(positionals.map(findExamples)))
  .flat()
  .filter((file) => !values.only || file.includes(values.only));
const home = await mkdtemp(join(tmpdir(), 'tagboat-conformance-'));
// Timers of the engine keep no process alive by themselves.
const alive = setInterval(() => undefined, 60_000);
const counts: Record<Outcome['kind'], number> = { passed: 0, failed: 0, 'not applicable': 0 };
{
  await using engine = await startEngine({
    home,
    tools: await exampleTools(),
    ...(values.driver === 'process' || values.driver === 'sandbox' ? { driver: values.driver } : {}),
  });
  if (engine.node.driverNote)
    process.stdout.write(`pods run as plain processes: ${engine.node.driverNote}\n`);
  await createAll(engine, values.cluster);
  const waiting = files.map((file, index) => ({ file, namespace: `example-${index}` }));
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const outcome = await runExample(engine, next, Number(values.timeout) * 1000);
      counts[outcome.kind]++;
      if (outcome.kind !== 'passed' || values.verbose)
        process.stdout.write(
          `${outcome.kind}: ${relative(process.cwd(), next.file)}${outcome.reason ? `: ${outcome.reason}` : ''}\n`,
        );
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, work));
}
await rm(home, { recursive: true, force: true });
process.stdout.write(
  `${counts.passed} passed, ${counts.failed} failed, ${counts['not applicable']} not applicable\n`,
);
clearInterval(alive);
process.exit(counts.failed > 0 ? 1 : 0);
