import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, matchesGlob, posix } from 'node:path';
import { invalid, isReason, notFound } from '@tagboat/base';
import { type ElyraNode, type ElyraPipeline, parseElyra, variablePrefix } from '@tagboat/elyra';
import type { Commit } from '@tagboat/git-client';
import { type Environment, ensureEnvironment, findRequirementsFile } from '@tagboat/python';
import type { StepContext } from './context.ts';
import { environmentFor } from './environment.ts';
import { execute, runSaying, userEnvironment } from './execute.ts';
import { pushNotebooks } from './outcome.ts';
import { definitions } from './workbench-environments.ts';

/** Runs one node of an Elyra pipeline: its file and dependencies, the outputs of the nodes before it, its variables. */
export async function elyraNode(context: StepContext): Promise<void> {
  const commit = await context.commit();
  const file = context.get('TAGBOAT_ELYRA_FILE');
  const text = await commit.readText(file);
  if (text === undefined) throw notFound(`${file} is not in the repository at this commit`);
  const pipeline = parseElyra(text, file);
  const node = pipeline.nodes.find(({ id }) => id === context.get('TAGBOAT_ELYRA_NODE'));
  if (!node) throw notFound(`${file} has no node ${context.get('TAGBOAT_ELYRA_NODE')} at this commit`);
  const path = await nodePath(commit, file, node);
  const root = await context.directory(`elyra-${node.id}`);
  const workdir = join(root, 'work');
  await layOut(context, { commit, pipeline, node, path, workdir });
  const notebooks = join(root, 'notebooks');
  try {
    await runNode(context, { commit, node, path, workdir, notebooks });
  } finally {
    if (node.kind === 'notebook')
      await context.result('notebook', (await pushNotebooks(context, notebooks)) ?? '');
  }
  await keepOutputs(context, node, workdir);
}

/** A file stands beside the pipeline, or (in older files) is named from the repository's root. */
async function nodePath(commit: Commit, pipeline: string, node: ElyraNode): Promise<string> {
  const files = new Set((await commit.files()).map(({ path }) => path));
  const candidates = [posix.join(posix.dirname(pipeline), node.filename), posix.normalize(node.filename)];
  const found = candidates.find((path) => files.has(path));
  if (!found)
    throw notFound(`node "${node.label}": ${node.filename} is not in the repository at this commit`, {
      hint: `looked for ${candidates.join(' and ')}`,
    });
  return found;
}

interface Layout {
  readonly commit: Commit;
  readonly pipeline: ElyraPipeline;
  readonly node: ElyraNode;
  /** Of the node's file, in the repository. */
  readonly path: string;
  readonly workdir: string;
}

/** The node's directory as Elyra's runtimes make it: the file, its dependencies, what the nodes before it left. */
async function layOut(context: StepContext, layout: Layout): Promise<void> {
  const { commit, pipeline, node, path, workdir } = layout;
  const base = posix.dirname(path);
  const prefix = base === '.' ? '' : `${base}/`;
  const files = (await commit.files()).map((file) => file.path).filter((name) => name.startsWith(prefix));
  const wanted = new Set([path]);
  for (const pattern of node.dependencies) {
    const found = files.filter((name) =>
      fits(name.slice(prefix.length), pattern, node.includeSubdirectories),
    );
    if (found.length === 0)
      throw notFound(`node "${node.label}": no file of the repository fits its dependency ${pattern}`);
    for (const name of found) wanted.add(name);
  }
  const exported = await context.directory(`elyra-files-${node.id}`);
  await commit.export(exported, [...wanted]);
  await mkdir(workdir, { recursive: true });
  await cp(join(exported, base), workdir, { recursive: true });
  for (const before of ancestors(pipeline, node))
    await cp(outputsOf(context, before), workdir, { recursive: true, force: true }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      },
    );
}

function fits(name: string, pattern: string, subdirectories: boolean): boolean {
  const plain = posix.normalize(pattern);
  if (matchesGlob(name, plain) || name.startsWith(`${plain.replace(/\/$/, '')}/`)) return true;
  return subdirectories && matchesGlob(name, posix.join(posix.dirname(plain), '**', posix.basename(plain)));
}

/** Every node before this one, the farthest first, so that nearer ones have the last word. */
function ancestors(pipeline: ElyraPipeline, node: ElyraNode): ElyraNode[] {
  const found = new Set<ElyraNode>();
  const visit = (id: string): void => {
    const before = pipeline.nodes.find((candidate) => candidate.id === id);
    if (!before || found.has(before)) return;
    for (const next of before.after) visit(next);
    found.add(before);
  };
  for (const id of node.after) visit(id);
  return [...found];
}

const outputsOf = (context: StepContext, { id }: ElyraNode) =>
  join(context.get('TAGBOAT_WORKSPACE'), 'elyra-outputs', id);

async function keepOutputs(context: StepContext, node: ElyraNode, workdir: string): Promise<void> {
  const target = outputsOf(context, node);
  await mkdir(target, { recursive: true });
  const entries = await readdir(workdir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(workdir.length + 1));
  for (const pattern of node.outputs) {
    const made = files.filter((name) => fits(name, pattern, node.includeSubdirectories));
    if (made.length === 0)
      throw notFound(`node "${node.label}" ended without its output ${pattern}`, {
        hint: 'write it there, relative to the notebook, or correct the outputs in the pipeline',
      });
    for (const name of made) {
      await mkdir(dirname(join(target, name)), { recursive: true });
      await cp(join(workdir, name), join(target, name));
    }
    context.say(`keeps ${made.join(', ')}`);
  }
}

interface NodeRun {
  readonly commit: Commit;
  readonly node: ElyraNode;
  readonly path: string;
  readonly workdir: string;
  readonly notebooks: string;
}

async function runNode(context: StepContext, run: NodeRun): Promise<void> {
  const { node, path, workdir, notebooks } = run;
  const variables = Object.fromEntries(
    Object.entries(context.environment)
      .filter(([name, value]) => name.startsWith(variablePrefix) && value !== undefined)
      .map(([name, value]) => [name.slice(variablePrefix.length), value!]),
  );
  const entry = basename(path);
  if (node.kind === 'r') {
    const env = { ...userEnvironment(context, workdir, '/usr/bin/python3'), ...variables };
    context.say(`runs ${entry}`);
    const { code } = await runSaying(context, 'Rscript', [entry], { cwd: workdir, env }).catch((error) => {
      if (!isReason(error, 'CommandNotFound')) throw error;
      throw notFound(`node "${node.label}": ${path} needs R, and there is no Rscript here`, {
        hint: 'install R where pods run (Debian: r-base-core), or write the node in Python',
      });
    });
    if (code !== 0) throw invalid(`${path} failed with exit code ${code}`);
    return;
  }
  const { python } = await nodeEnvironment(context, run);
  const step = node.kind === 'notebook' ? { notebook: entry } : { script: entry };
  await execute(context, {
    step: { ...step, parameters: {} },
    workdir,
    python,
    variables,
    notebooks,
    undeclared: new Set(),
  });
}

/** What runtime images hold, as environments of our own. */
const images: readonly [RegExp, string][] = [
  [/tensorflow/, 'tensorflow'],
  [/pytorch|torch/, 'pytorch'],
  [/anaconda|pandas|datascience|data-science|scipy|generic/, 'data-science'],
  [/spark/, 'spark'],
  [/minimal|python/, 'minimal'],
];

/** The nearest requirements file above the node's file decides; without one, its runtime image. */
async function nodeEnvironment(context: StepContext, { commit, node, path }: NodeRun): Promise<Environment> {
  const extra = node.kind === 'notebook' ? ['ipykernel'] : [];
  const root = await context.directory(`elyra-requirements-${node.id}`);
  await commit.export(root);
  for (let directory = posix.dirname(path); ; directory = posix.dirname(directory)) {
    const file = await findRequirementsFile(join(root, directory));
    if (file) return environmentFor(context, { commit, directory, file, extra });
    if (directory === '.') break;
  }
  const image = node.runtimeImage ?? 'minimal';
  const named = images.find(([pattern]) => pattern.test(image))?.[1];
  if (!named)
    throw invalid(`node "${node.label}": nothing says which packages it needs`, {
      hint: `add a requirements.txt to the repository; what the image ${image} holds is not known`,
    });
  context.say(`no requirements file: the ${named} environment stands for the image ${image}`);
  await writeFile(join(root, 'requirements.txt'), `${definitions[named]!.join('\n')}\n`);
  return ensureEnvironment({
    requirements: { directory: root, file: 'requirements.txt' },
    environmentsDirectory: context.environments,
    cacheDirectory: context.cache,
    extra,
    env: context.environment,
    ...(context.signal ? { signal: context.signal } : {}),
    onProgress: ({ message }) => context.say(message),
  });
}
