import { readFile } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import {
  findCondition,
  type KubernetesObject,
  keyOf,
  kinds,
  type Pipeline,
  type PipelineRun,
  type WorkspaceBinding,
} from '@tagboat/api';
import { notFound, shortHash, slug, TagboatError } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import { elyraPipeline, elyraTaskRunSpecs, parseElyra } from '@tagboat/elyra';
import { git } from '@tagboat/git-client';
import {
  builtInTask,
  environmentsClaim,
  environmentsClaimOf,
  runAnnotations,
  runLabels,
  taskText,
} from '@tagboat/render';
import { stringify } from 'yaml';
import { failureOf, followRun, standardOutput } from './live.ts';
import { about, currentRepository, gitAccess } from './session.ts';
import { snapshot } from './snapshot.ts';

export const isElyraFile = (path: string): boolean => path.endsWith('.pipeline');

async function readElyra(file: string) {
  const text = await readFile(file, 'utf8').catch(() => {
    throw notFound(`there is no ${file}`);
  });
  return parseElyra(text, file);
}

/** What an Elyra pipeline means as Tekton files, to be applied to a cluster. */
export async function renderElyra(
  file: string,
  places: { project: string; registry: string; repository: string },
): Promise<string> {
  const root = await repositoryRoot(file);
  const parsed = await readElyra(file);
  const pipeline = elyraPipeline(parsed, {
    file: relative(root, resolve(file)),
    project: places.project,
    registry: places.registry,
    clone: { taskRef: { kind: 'Task', name: 'tagboat-clone' } },
  });
  const run: KubernetesObject = {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name: `${pipeline.metadata.name}-run` },
    spec: {
      pipelineRef: { name: pipeline.metadata.name },
      params: [
        { name: 'url', value: places.repository },
        { name: 'revision', value: 'main' },
      ],
      workspaces: workspaces(),
      ...elyraTaskRunSpecs(parsed),
    },
  };
  const objects = [pipeline, run].map((object) =>
    stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }).trim(),
  );
  return `${[taskText('clone').trim(), ...objects].join('\n---\n')}\n`;
}

/** Runs an Elyra pipeline of this working tree, uncommitted changes too, and shows how it goes. @throws `RunFailed` */
export async function runElyra(
  client: Client,
  file: string,
  { parameters, quiet }: { parameters: Readonly<Record<string, string>>; quiet: boolean },
): Promise<PipelineRun> {
  const parsed = await readElyra(file);
  for (const name of Object.keys(parameters))
    if (!parsed.parameters.some((known) => known.name === name))
      throw notFound(`the pipeline has no parameter "${name}"`, {
        hint: `it has ${parsed.parameters.map((known) => known.name).join(', ') || 'none'}`,
      });
  const root = await repositoryRoot(file);
  const here = await currentRepository(client, root);
  if (!here)
    throw notFound('no remote of this repository leads to Tagboat', { hint: 'add it with: tagboat init' });
  const commit = await snapshot(root);
  const url = `${client.url}/git/${here.project}/${here.name}.git`;
  const ref = `refs/tagboat/try/${commit.slice(0, 12)}`;
  await git(['push', '--quiet', '--force', '--', url, `${commit}:${ref}`], {
    cwd: root,
    ...gitAccess(client),
  });
  await client.createIfAbsent(kinds.PersistentVolumeClaim, environmentsClaimOf(here.project));
  const { registry } = await about(client);
  const pipeline = elyraPipeline(parsed, {
    file: relative(root, resolve(file)),
    project: here.project,
    registry,
    clone: { taskSpec: builtInTask('clone').spec! },
  });
  const run = await client.create(
    kinds.PipelineRun,
    runOf(pipeline, { here, commit, url, parameters, specs: elyraTaskRunSpecs(parsed) }),
  );
  const done = await followRun(client, keyOf(kinds.PipelineRun, run), standardOutput({ quiet }));
  if (findCondition(done.status?.conditions, 'Succeeded')?.status !== 'True')
    throw new TagboatError(await failureOf(client, done), { reason: 'RunFailed' });
  return done;
}

interface ElyraRun {
  readonly here: { readonly project: string; readonly name: string };
  readonly commit: string;
  readonly url: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly specs: ReturnType<typeof elyraTaskRunSpecs>;
}

function runOf(pipeline: Pipeline, { here, commit, url, parameters, specs }: ElyraRun): PipelineRun {
  const name = slug(pipeline.metadata.name).slice(0, 40);
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: `${name}-${shortHash([commit, String(Date.now())])}`,
      namespace: here.project,
      labels: { [runLabels.repository]: here.name, [runLabels.kind]: 'try' },
      annotations: { [runAnnotations.commit]: commit },
    },
    spec: {
      pipelineSpec: pipeline.spec!,
      params: [
        { name: 'url', value: url },
        { name: 'revision', value: commit },
        ...Object.entries(parameters).map(([key, value]) => ({ name: key, value })),
      ],
      workspaces: workspaces(),
      ...specs,
    },
  };
}

const workspaces = (): WorkspaceBinding[] => [
  {
    name: 'source',
    volumeClaimTemplate: {
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } } },
    },
  },
  { name: 'environments', persistentVolumeClaim: { claimName: environmentsClaim } },
];

async function repositoryRoot(file: string): Promise<string> {
  const { stdout } = await git(['rev-parse', '--show-toplevel'], { cwd: dirname(resolve(file)) }).catch(
    () => {
      throw notFound(`${basename(file)} is in no git repository`, {
        hint: 'git init, since runs start from commits',
      });
    },
  );
  return stdout.toString('utf8').trim();
}
