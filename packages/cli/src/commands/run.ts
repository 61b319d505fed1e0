import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  findCondition,
  type KubernetesObject,
  keyOf,
  kinds,
  type PersistentVolumeClaim,
  type PipelineRun,
  type ResourceType,
  type TaskRun,
  TypeRegistry,
  type WorkspaceBinding,
} from '@tagboat/api';
import { invalid, isReason, slug, TagboatError } from '@tagboat/base';
import { NodeLayout } from '@tagboat/node';
import { removeTree } from '@tagboat/process';
import { startEngine } from '@tagboat/server';
import { defineCommand } from 'citty';
import pc from 'picocolors';
import { cancelOnSignal } from '../cancel-on-signal.ts';
import { isElyraFile, runElyra } from '../elyra.ts';
import { followTree } from '../follow-tree.ts';
import { checkGivenNames } from '../given-names.ts';
import { toolsOfHost } from '../host.ts';
import { standardOutput } from '../live.ts';
import { outputOption, printable, say, tell } from '../output.ts';
import { clientSource, engineSource, type RunSource } from '../run-source.ts';
import { about, connect } from '../session.ts';
import {
  alphaFeatures,
  declarationsOf,
  hintOf,
  paramValue,
  readTektonFiles,
  type TektonFiles,
} from '../tekton-files.ts';
import { type GivenWorkspace, givenWorkspace } from '../workspace-option.ts';

export default defineCommand({
  meta: {
    name: 'run',
    description: 'Runs Tekton YAML on this machine; without a platform if none is up',
  },
  args: {
    file: {
      type: 'positional',
      required: true,
      description: 'a file, a directory, a URL, an Elyra .pipeline, or - for standard input',
    },
    param: { type: 'string', alias: 'p', valueHint: 'name=value', description: 'a param; may be repeated' },
    workspace: {
      type: 'string',
      alias: 'w',
      valueHint: 'name=path',
      description: 'a directory as a workspace, or what tkn takes (name=NAME,emptyDir=); may be repeated',
    },
    name: { type: 'string', description: 'which run, Pipeline or Task of the files' },
    recursive: { type: 'boolean', alias: 'R', description: 'of a directory also those below' },
    project: { type: 'string', description: 'where to run it on a platform that is up', default: 'default' },
    local: { type: 'boolean', description: 'in this process, whether a platform is up or not' },
    ...outputOption,
  },
  async run({ args, rawArgs }) {
    if (isElyraFile(args.file)) {
      const parameters = Object.fromEntries(pairs(rawArgs, ['-p', '--param']));
      const done = await runElyra(await connect(), args.file, { parameters, quiet: args.output === 'json' });
      return tell(args.output, done, []);
    }
    const files = await readTektonFiles(args.file, { only: args.name, recursive: args.recursive });
    const workspaces = pairs(rawArgs, ['-w', '--workspace']);
    const options: RunOptions = {
      files,
      params: pairs(rawArgs, ['-p', '--param']),
      workspaces: await Promise.all(workspaces.map(([name, text]) => givenWorkspace(name, text))),
      quiet: args.output === 'json',
    };
    checkGivenNames(files, {
      params: options.params.map(([name]) => name),
      workspaces: options.workspaces.map(({ name }) => name),
    });
    if (files.unread?.length && args.output !== 'json') note(`not read: ${hintOf(files.unread)}`);
    for (const feature of alphaFeatures(files))
      note(`${feature} is alpha in Tekton; a cluster may refuse it`);
    const runs = await runSomewhere(options, { local: args.local ?? false, project: args.project });
    if (args.output === 'json') tell('json', runs.length === 1 ? runs[0] : runs, []);
    else for (const run of runs) report(run, runs.length > 1);
    const failed = runs.find((run) => findCondition(run.status?.conditions, 'Succeeded')?.status !== 'True');
    if (failed) process.exitCode = exitCodeOf(failed);
    return undefined;
  },
});

const note = (text: string) => process.stderr.write(`${pc.yellow('note')}: ${text}\n`);

interface RunOptions {
  readonly files: TektonFiles;
  readonly params: readonly [string, string][];
  readonly workspaces: readonly GivenWorkspace[];
  readonly quiet: boolean;
}

/** 124 as `timeout` has it, 130 as a shell has it after Ctrl-C, else 1. */
function exitCodeOf(run: PipelineRun | TaskRun): number {
  const reason = findCondition(run.status?.conditions, 'Succeeded')?.reason ?? '';
  if (/Timeout/.test(reason)) return 124;
  return /Cancelled/.test(reason) ? 130 : 1;
}

function pairs(rawArgs: readonly string[], names: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (const [index, arg] of rawArgs.entries()) {
    const name = names.find((option) => arg === option || arg.startsWith(`${option}=`));
    if (!name) continue;
    const text = arg === name ? (rawArgs[index + 1] ?? '') : arg.slice(name.length + 1);
    const at = text.indexOf('=');
    if (at < 1) throw invalid(`expected ${name} name=value, found "${text}"`);
    found.push([text.slice(0, at), text.slice(at + 1)]);
  }
  return found;
}

async function runSomewhere(options: RunOptions, { local, project }: { local: boolean; project: string }) {
  const platform = local ? undefined : await platformThatIsUp();
  if (platform) return runAll(options, { ...platform, namespace: project });
  const debugged = options.files.runs.find((run) => (run as TaskRun).spec?.debug?.breakpoints);
  if (debugged)
    throw invalid(
      `${debugged.metadata.name} has breakpoints, and a step that waits at one is entered by kubectl, which needs a platform`,
      { hint: local ? 'leave --local out, or take spec.debug out' : 'start one with: tagboat up' },
    );
  const home = await mkdtemp(join(tmpdir(), 'tagboat-run-'));
  // Who asks twice to stop leaves at once.
  const leaving = () => rmSync(home, { recursive: true, force: true });
  process.on('exit', leaving);
  try {
    await using engine = await startEngine({ home, tools: await toolsOfHost(home) });
    if (engine.node.driverNote && !options.quiet)
      note(`steps run as plain processes: ${engine.node.driverNote}`);
    return await runAll(options, { source: engineSource(engine), home, namespace: 'default' });
  } finally {
    await removeTree([home]);
    process.off('exit', leaving);
  }
}

async function platformThatIsUp(): Promise<{ source: RunSource; home: string } | undefined> {
  try {
    const client = await connect();
    return { source: clientSource(client), home: (await about(client)).home };
  } catch (error) {
    if (isReason(error, 'Unavailable')) return undefined;
    throw error;
  }
}

interface Place {
  readonly source: RunSource;
  readonly home: string;
  readonly namespace: string;
}

async function runAll(options: RunOptions, place: Place): Promise<(PipelineRun | TaskRun)[]> {
  const types = new TypeRegistry();
  await ensure(place, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: place.namespace } }, types);
  for (const object of options.files.objects) await ensure(place, object, types);
  const finished: (PipelineRun | TaskRun)[] = [];
  for (const run of options.files.runs) {
    const prepared = await prepare(run, options, place);
    const created = await create(place, types.of(prepared), prepared);
    await giveClaims(created, place);
    finished.push(await follow(created, options, place));
  }
  return finished;
}

/** Runs are made once: one that is there under the same name is not run again. */
async function create(
  { source }: Place,
  type: ResourceType,
  run: PipelineRun | TaskRun,
): Promise<PipelineRun | TaskRun> {
  try {
    return await source.create(type, run);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    throw new TagboatError(`there is a ${run.kind} ${run.metadata.name} already`, {
      reason: 'AlreadyExists',
      hint: `give it generateName instead of name, or run it in this process: --local`,
    });
  }
}

/** Creates an object, or gives the one of its name this content. */
async function ensure(
  { source, namespace }: Place,
  object: KubernetesObject,
  types: TypeRegistry,
): Promise<void> {
  const type = types.of(object);
  const { status: _, ...declared } = object;
  const placed = { ...declared, metadata: { ...object.metadata, ...(type.namespaced ? { namespace } : {}) } };
  try {
    await source.create(type, placed);
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    if (object.spec !== undefined)
      await source.replace(keyOf(type, placed), (draft) => {
        draft.spec = object.spec;
      });
  }
}

async function prepare(
  run: PipelineRun | TaskRun,
  options: RunOptions,
  place: Place,
): Promise<PipelineRun | TaskRun> {
  const declared = declarationsOf(run, options.files.objects);
  const params = new Map((run.spec?.params ?? []).map((param) => [param.name, param.value]));
  for (const [name, text] of options.params) params.set(name, paramValue(name, text, declared?.params ?? []));
  const bindings = new Map((run.spec?.workspaces ?? []).map((binding) => [binding.name, binding]));
  for (const given of options.workspaces)
    bindings.set(
      given.name,
      'path' in given ? await directoryBinding(given.name, given.path, place) : given.binding,
    );
  for (const { name, optional } of declared?.workspaces ?? []) {
    if (bindings.has(name) || optional) continue;
    if (!options.quiet) note(`workspace "${name}" is an empty directory; bind it with -w ${name}=path`);
    bindings.set(name, emptyBinding(name));
  }
  const { status: _, ...rest } = run;
  return {
    ...rest,
    metadata: { ...run.metadata, namespace: place.namespace },
    spec: {
      ...run.spec,
      ...(params.size > 0 ? { params: [...params].map(([name, value]) => ({ name, value })) } : {}),
      ...(bindings.size > 0 ? { workspaces: [...bindings.values()] } : {}),
    },
  } as PipelineRun | TaskRun;
}

/** Shared by all tasks of the run, as people expect of a workspace. */
const emptyBinding = (name: string): WorkspaceBinding => ({
  name,
  volumeClaimTemplate: {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
});

/** How the names of claims begin that are directories of the command line. */
const localClaim = 'local-';

/** A claim whose directory is the given one. */
async function directoryBinding(
  name: string,
  path: string,
  { source, home, namespace }: Place,
): Promise<WorkspaceBinding> {
  const directory = await realpath(path).catch(() => {
    throw invalid(`there is no directory "${path}" for the workspace "${name}"`);
  });
  const claimName = `${localClaim}${slug(name)}-${Date.now().toString(36)}`;
  const claim: PersistentVolumeClaim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: claimName, namespace },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  };
  const link = new NodeLayout(home).claim(namespace, claimName);
  await mkdir(dirname(link), { recursive: true });
  await symlink(directory, link);
  await source.create(kinds.PersistentVolumeClaim, claim);
  return { name, persistentVolumeClaim: { claimName } };
}

/** The claims that were made for a run go with it; a rerun finds them as long as the run is there. */
async function giveClaims(run: PipelineRun | TaskRun, { source, namespace }: Place): Promise<void> {
  const { apiVersion, kind, metadata } = run;
  for (const { persistentVolumeClaim: claim } of run.spec?.workspaces ?? [])
    if (claim?.claimName.startsWith(localClaim))
      await source.replace<PersistentVolumeClaim>(
        { type: kinds.PersistentVolumeClaim, namespace, name: claim.claimName },
        (draft) => {
          draft.metadata.ownerReferences = [
            { apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '' },
          ];
        },
      );
}

async function follow(run: PipelineRun | TaskRun, { quiet }: RunOptions, { source }: Place) {
  const key = keyOf(run.kind === 'TaskRun' ? kinds.TaskRun : kinds.PipelineRun, run);
  using _cancelling = cancelOnSignal(source, key, (text) => !quiet && process.stderr.write(text));
  return await followTree(source, key, standardOutput({ quiet }));
}

/** Tells results and outcome; with the run's name where there are several. */
function report(run: PipelineRun | TaskRun, named: boolean): void {
  const condition = findCondition(run.status?.conditions, 'Succeeded');
  for (const { name, value } of run.status?.results ?? []) {
    const text = typeof value === 'string' ? value.trimEnd().slice(0, 500) : JSON.stringify(value);
    say(`${pc.dim(name)} ${printable(text)}`);
  }
  const warning = (run as TaskRun).status?.annotations?.['tagboat.dev/warnings'];
  if (warning) say(`${pc.yellow('note')}: ${warning}`);
  const which = named ? `${run.metadata.name} ` : '';
  const text = `${which}${condition?.reason ?? 'Unknown'}: ${printable(condition?.message ?? '')}`;
  say(condition?.status === 'True' ? pc.green(text) : pc.red(text));
}
