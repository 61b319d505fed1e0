import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseYaml } from '@tagboat/api';
import { describeError, invalid, notFound, TagboatError } from '@tagboat/base';
import { Commit, git } from '@tagboat/git-client';
import { checkNotebook, compareRuns, type Finding, parseNotebook } from '@tagboat/notebooks';
import { defaultHome } from '@tagboat/server';
import { prepareNotebook, StepContext } from '@tagboat/steps';
import { defineCommand } from 'citty';
import { isElyraFile, runElyra } from '../elyra.ts';
import { factsOf } from '../notebook-facts.ts';
import { outputOption, say, show, tell } from '../output.ts';
import { connect } from '../session.ts';
import { snapshot } from '../snapshot.ts';
import { pairsOf, valuesOf } from '../words.ts';

interface Place {
  /** Of the repository. */
  readonly root: string;
  /** A path of the repository. */
  readonly notebook: string;
  readonly commit: Commit;
  readonly context: StepContext;
}

/** Where a notebook stands, with the working tree as a commit, uncommitted changes too. */
async function placeOf(file: string, tell: (line: string) => void): Promise<Place & AsyncDisposable> {
  const path = resolve(file);
  await readFile(path).catch(() => {
    throw notFound(`there is no notebook ${file}`);
  });
  const root = await git(['rev-parse', '--show-toplevel'], { cwd: dirname(path) }).then(
    ({ stdout }) => stdout.toString('utf8').trim(),
    () => {
      throw invalid(`${file} is in no git repository`, { hint: 'git init, since runs start from commits' });
    },
  );
  const workspace = await mkdtemp(join(tmpdir(), 'tagboat-notebook-'));
  const environments = process.env.TAGBOAT_ENVIRONMENTS ?? join(defaultHome(), 'environments');
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  return {
    root,
    notebook: relative(root, path),
    commit: await Commit.at(root, await snapshot(root)),
    context: new StepContext(
      { ...process.env, TAGBOAT_WORKSPACE: workspace, TAGBOAT_ENVIRONMENTS: environments },
      tell,
      stop.signal,
    ),
    async [Symbol.asyncDispose]() {
      process.off('SIGINT', interrupt);
      await rm(workspace, { recursive: true, force: true });
    },
  };
}

const run = defineCommand({
  meta: {
    name: 'run',
    description: 'Runs a notebook as the pipeline would: same environment, same files, same parameters',
  },
  args: {
    notebook: { type: 'positional', required: true, description: 'or an Elyra .pipeline' },
    parameter: { type: 'string', alias: 'p', description: 'NAME=value (YAML); repeatable' },
    executed: { type: 'string', description: 'the executed notebook; default: NAME.executed.ipynb' },
    artifacts: { type: 'string', description: 'a directory for the model file that it writes' },
    ...outputOption,
  },
  async run({ args, rawArgs }) {
    const quiet = args.output === 'json';
    if (isElyraFile(args.notebook)) {
      const parameters = pairsOf(valuesOf(rawArgs, '--parameter', '-p'), 'a parameter');
      const done = await runElyra(await connect(), args.notebook, { parameters, quiet });
      return tell(args.output, done, []);
    }
    await using place = await placeOf(args.notebook, quiet ? () => undefined : say);
    const texts = pairsOf(valuesOf(rawArgs, '--parameter', '-p'), 'a parameter');
    const parameters = Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [name, parseYaml(text, `-p ${name}`)[0]?.value ?? null]),
    );
    const name = basename(args.notebook, '.ipynb');
    const outputPath = resolve(args.executed ?? join(dirname(args.notebook), `${name}.executed.ipynb`));
    const prepared = await prepareNotebook(place.context, place);
    const { artifact } = await prepared.run(parameters, outputPath);
    tell(args.output, { executed: outputPath, artifact }, [
      `executed: ${relative(process.cwd(), outputPath)}`,
      ...(artifact ? [`${artifact.path}: ${artifact.size} bytes, ${artifact.digest}`] : []),
    ]);
    if (artifact && args.artifacts) {
      const target = join(args.artifacts, artifact.path);
      await mkdir(dirname(target), { recursive: true });
      await cp(join(prepared.workdir, artifact.path), target);
    }
    return undefined;
  },
});

const check = defineCommand({
  meta: { name: 'check', description: 'Finds what will break in a run, or leak, before the tag' },
  args: {
    notebook: { type: 'positional', required: true },
    'without-run': { type: 'boolean', description: 'do not run it afresh to find hidden state' },
    ...outputOption,
  },
  async run({ args }) {
    const quiet = args.output === 'json';
    await using place = await placeOf(args.notebook, () => undefined);
    const saved = parseNotebook(await readFile(resolve(args.notebook), 'utf8'), place.notebook);
    if (!quiet) say('prepares the environment');
    const prepared = await prepareNotebook(place.context, place);
    const { python } = prepared.environment;
    const facts = await factsOf(saved, { ...place, model: prepared.model, python });
    const findings: Finding[] = checkNotebook(saved, facts);
    if (!args['without-run']) {
      if (!quiet) say('runs it from top to bottom');
      findings.push(...(await freshRun(place, prepared, saved)));
    }
    const rows = findings.map(({ cell, rule, message, fix }) => ({ cell, rule, message, fix }));
    if (quiet) show(rows, { output: args.output, columns: [] });
    else
      for (const { cell, rule, message, fix } of rows)
        say(`cell ${cell}: ${message}  [${rule}]\n  -> ${fix}`);
    if (!quiet && rows.length === 0) say('nothing found: it will run as it ran here');
    if (rows.length > 0) process.exitCode = 1;
  },
});

async function freshRun(
  { context }: Place,
  prepared: Awaited<ReturnType<typeof prepareNotebook>>,
  saved: ReturnType<typeof parseNotebook>,
): Promise<Finding[]> {
  const outputPath = join(context.get('TAGBOAT_WORKSPACE'), 'fresh.ipynb');
  const read = async () => parseNotebook(await readFile(outputPath, 'utf8'), 'fresh.ipynb');
  try {
    await prepared.run(undefined, outputPath);
  } catch (error) {
    if (!(error instanceof TagboatError) || error.reason === 'Cancelled') throw error;
    const cell = Number(/, cell (\d+)/.exec(error.message)?.[1] ?? 1);
    return [
      {
        rule: 'hidden-state',
        cell,
        message: `a fresh run fails: ${describeError(error)}`,
        fix: 'restart the kernel, run all cells, and mend the first that fails',
      },
    ];
  }
  return compareRuns(saved, await read(), prepared.workdir);
}

export default defineCommand({
  meta: { name: 'notebook', description: 'Runs and checks notebooks as the pipeline would' },
  subCommands: { run, check },
});
