import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type KubernetesObject, parseYaml } from '@tagboat/api';
import { notFound } from '@tagboat/base';
import {
  applicationFor,
  environmentNamespace,
  environmentsClaimOf,
  inferenceService,
  type ModelFile,
  modelFileName,
  monitorNotes,
  pipelineObject,
  readModelFile,
  runBindings,
  runResources,
  taskNames,
  taskText,
} from '@tagboat/render';
import { defineCommand } from 'citty';
import { stringify } from 'yaml';
import { isElyraFile, renderElyra } from '../elyra.ts';
import { outputOption, tell } from '../output.ts';
import { nameFrom } from '../session.ts';

export default defineCommand({
  meta: {
    name: 'render',
    description:
      'Prints what tagboat.yaml, or an Elyra .pipeline, means as Tekton, Argo CD and Kubernetes files',
  },
  args: {
    directory: { type: 'positional', required: false, default: '.' },
    project: { type: 'string', alias: 'p', description: 'namespace of the runs; default: the directory' },
    registry: { type: 'string', default: 'registry.example.com', description: 'where images go' },
    repository: {
      type: 'string',
      default: 'https://git.example.com/team/repository.git',
      description: 'git URL of the project',
    },
    deployment: {
      type: 'string',
      default: 'https://git.example.com/team/deployment.git',
      description: 'git URL of the deployment repository',
    },
    ...outputOption,
  },
  async run({ args }) {
    const text = await rendered(args);
    const items = () => parseYaml(text, 'rendered').map(({ value }) => value);
    if (args.output === 'json') tell('json', { apiVersion: 'v1', kind: 'List', items: items() }, []);
    else process.stdout.write(text);
  },
});

interface Asked extends Omit<Places, 'project'> {
  readonly directory: string;
  readonly project?: string | undefined;
}

/** The files of a directory's models, or of an Elyra pipeline, as YAML documents. */
async function rendered(args: Asked): Promise<string> {
  if (isElyraFile(args.directory)) {
    const project = args.project ?? nameFrom(basename(resolve(args.directory, '..')));
    return renderElyra(args.directory, { ...args, project });
  }
  const path = join(args.directory, modelFileName);
  const text = await readFile(path, 'utf8').catch(() => {
    throw notFound(`there is no ${path}`, { hint: 'propose one with: tagboat init' });
  });
  const project = args.project ?? nameFrom(basename(resolve(args.directory)));
  const documents = taskNames.map((name) => taskText(name).trim());
  for (const model of readModelFile(text, path))
    for (const object of objectsOf(model, { ...args, project })) {
      const notes = object.kind === 'InferenceService' ? monitorNotes(model.spec) : [];
      const yaml = stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }).trim();
      documents.push([...notes.map((note) => `# ${note}`), yaml].join('\n'));
    }
  return `${documents.join('\n---\n')}\n`;
}

interface Places {
  readonly project: string;
  readonly registry: string;
  readonly repository: string;
  readonly deployment: string;
}

function objectsOf({ name, spec }: ModelFile, places: Places): KubernetesObject[] {
  const bindings = runBindings({
    project: places.project,
    model: name,
    repositoryUrl: places.repository,
    commit: 'main',
    tag: 'v0.1.0',
    sequence: 1,
    branch: 'main',
    registry: places.registry,
    deploymentUrl: places.deployment,
  });
  const kinds = ['release', 'check', 'retrain', 'candidate'] as const;
  return [
    environmentsClaimOf(places.project),
    ...kinds.map((kind) => pipelineObject(kind, `${name}-${kind}`, spec) as KubernetesObject),
    {
      apiVersion: 'tekton.dev/v1',
      kind: 'PipelineRun',
      metadata: { name: `${name}-v0.1.0`.replaceAll('.', '-') },
      spec: { pipelineRef: { name: `${name}-release` }, ...bindings, ...runResources('release', spec) },
    },
    ...spec.deploy.map((target) =>
      applicationFor({
        project: places.project,
        model: name,
        environment: target.environment,
        namespace: environmentNamespace(places.project, target),
        repoUrl: target.repo ?? places.deployment,
        ...(target.path ? { path: target.path } : {}),
      }),
    ),
    inferenceService(name, spec),
  ];
}
