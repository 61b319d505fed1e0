import { parseYaml } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { contradiction } from './contradiction.ts';
import type { ModelSpec, TrainStep } from './model-spec.ts';
import { driftMethods, monitorOf } from './monitor.ts';
import { parameterNameProblem } from './parameter-names.ts';
import { quantitiesOf, resourcesProblem } from './resources.ts';
import { checkShape, list, object, type Shape, text } from './shape.ts';

export const modelFileName = 'tagboat.yaml';

const name: Shape = text({
  pattern: /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/,
  example: 'small letters, digits and "-", at most 40',
});
const path: Shape = text({
  pattern: /^(?!\/)(?!.*(^|\/)\.\.(\/|$)).+$/,
  example: 'a path inside the repository',
});
const parameters: Shape = { kind: 'map', of: { kind: 'any' } };
const step: Shape = object({ notebook: path, script: path, command: list(text(), 1), parameters });
const resources: Shape = { kind: 'map', of: { kind: 'any' } };
const gate: Shape = object(
  {
    metric: text(),
    min: { kind: 'number' },
    max: { kind: 'number' },
    direction: text({ oneOf: ['maximize', 'minimize'] }),
    notWorseThanDeployedBy: { kind: 'number' },
  },
  { required: ['metric'] },
);

const spec: Shape = object(
  {
    tags: list(text(), 1),
    context: path,
    environment: object({
      python: text({ pattern: /^3\.\d+$/, example: 'a version such as "3.11"' }),
      file: path,
    }),
    data: list(
      object(
        {
          name,
          path,
          url: text(),
          command: list(text(), 1),
          refresh: text({ oneOf: ['onRetrain', 'never'] }),
        },
        { required: ['name'], later: ['s3', 'oci', 'dvc', 'credentialsFrom'] },
      ),
    ),
    train: object({
      notebook: path,
      script: path,
      command: list(text(), 1),
      steps: list(step, 1),
      parameters,
      inputs: list(text(), 1),
      outputs: list(path),
      resources,
      timeout: { kind: 'duration' },
      reuse: text({ oneOf: ['auto', 'never'] }),
    }),
    artifact: object({ path }, { required: ['path'] }),
    evaluate: object(
      {
        notebook: path,
        script: path,
        command: list(text(), 1),
        parameters,
        metrics: path,
        gates: list(gate),
        timeout: { kind: 'duration' },
      },
      { required: ['metrics'] },
    ),
    image: object({ strategy: text({ oneOf: ['Source'] }), base: text() }),
    serve: object(
      {
        predictor: text({
          pattern: /^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^:]+\.py:\w+$/,
          example: '"path/to/file.py:ClassName"',
        }),
        format: text({ oneOf: ['sklearn'] }),
        replicas: { kind: 'number' },
        inputs: list(text(), 1),
        resources,
      },
      { later: ['app'] },
    ),
    deploy: list(
      object(
        {
          environment: name,
          repo: text(),
          path,
          image: text(),
          namespace: name,
          via: text({ oneOf: ['commit', 'promotion'] }),
        },
        { required: ['environment'] },
      ),
    ),
    monitor: object({
      reference: path,
      drift: object({
        method: text({ oneOf: driftMethods }),
        threshold: { kind: 'number' },
        window: { kind: 'duration' },
        minSamples: { kind: 'number' },
      }),
    }),
    retrain: object({ schedule: text(), onDrift: { kind: 'boolean' } }),
  },
  {},
);

/** What a `tagboat.yaml` may hold, for whoever reads one and for editors. */
export const modelFileShape: Shape = object(
  {
    apiVersion: text({ oneOf: ['tagboat.dev/v1alpha1'] }),
    kind: text({ oneOf: ['Model'] }),
    metadata: object(
      { name, labels: { kind: 'map', of: text() }, annotations: { kind: 'map', of: text() } },
      { required: ['name'] },
    ),
    spec,
  },
  { required: ['apiVersion', 'kind', 'metadata', 'spec'] },
);

export interface ModelFile {
  readonly name: string;
  readonly spec: ModelSpec;
  /** What the file asks for that has no effect, in words. */
  readonly notices: readonly string[];
}

type Raw = Record<string, unknown>;

/** What a model's tags begin with where its repository has several models: `NAME@`; else nothing. */
export const tagPrefixOf = ({ name, spec }: ModelFile): string =>
  spec.tags.some((pattern) => pattern.startsWith(`${name}@`)) ? `${name}@` : '';

/**
 * Reads a `tagboat.yaml`: one Model per document.
 * @throws `Invalid` with file:line:column
 */
export function readModelFile(source: string, file = modelFileName): ModelFile[] {
  const documents = parseYaml(source, file);
  if (documents.length === 0)
    throw invalid('expected a Model, found an empty file', { location: { file, line: 1, column: 1 } });
  const names = new Set<string>();
  return documents.map((found) => {
    checkShape(found, modelFileShape);
    const value = found.value as { metadata: { name: string }; spec: Raw };
    if (names.has(value.metadata.name))
      throw invalid(`expected every model to have a name of its own, found "${value.metadata.name}" twice`, {
        location: found.locate(['metadata', 'name']),
      });
    names.add(value.metadata.name);
    const misnamed = parameterNameProblem(value.spec);
    if (misnamed) throw invalid(misnamed.message, { location: found.locateKey(['spec', ...misnamed.path]) });
    const problem =
      contradiction(value.spec) ??
      resourcesProblem('train', value.spec) ??
      resourcesProblem('serve', value.spec);
    if (problem) throw invalid(problem.message, { location: found.locate(['spec', ...problem.path]) });
    return {
      name: value.metadata.name,
      spec: normalise(value.metadata.name, value.spec, documents.length > 1),
      notices: noticesOf(value.spec),
    };
  });
}

function noticesOf(raw: Raw): string[] {
  return raw.monitor !== undefined && raw.serve === undefined
    ? ['spec.monitor watches what is served, and nothing is: there is no serve']
    : [];
}

function normalise(modelName: string, raw: Raw, several: boolean): ModelSpec {
  const train = raw.train as Raw | undefined;
  const evaluate = raw.evaluate as Raw | undefined;
  const environment = (raw.environment ?? {}) as { python?: string; file?: string };
  const serve = raw.serve as Raw | undefined;
  return {
    tags: (raw.tags as string[] | undefined) ?? (several ? [`${modelName}@v*`] : ['v*', '[0-9]*']),
    context: trimmed((raw.context as string | undefined) ?? '.'),
    environment,
    data: (raw.data ?? []) as ModelSpec['data'],
    ...(train
      ? {
          train: {
            steps: stepsOf(train),
            inputs: train.inputs as string[] | undefined,
            outputs: (train.outputs as string[] | undefined) ?? [],
            resources: quantitiesOf(train),
            timeout: (train.timeout as string | undefined) ?? '1h',
            reuse: (train.reuse as 'auto' | 'never' | undefined) ?? 'auto',
          },
        }
      : {}),
    artifact: raw.artifact as { path: string },
    ...(evaluate
      ? {
          evaluate: {
            step: stepsOf(evaluate)[0]!,
            metrics: evaluate.metrics as string,
            gates: (evaluate.gates ?? []) as NonNullable<ModelSpec['evaluate']>['gates'],
            timeout: (evaluate.timeout as string | undefined) ?? '1h',
          },
        }
      : {}),
    image: {
      strategy: 'Source',
      base: ((raw.image as Raw | undefined)?.base as string | undefined) ?? 'python',
    },
    ...(serve
      ? {
          serve: {
            predictor: serve.predictor as string | undefined,
            format: serve.format as 'sklearn' | undefined,
            replicas: (serve.replicas as number | undefined) ?? 1,
            inputs: serve.inputs as string[] | undefined,
            resources: (serve.resources ?? {}) as Record<string, string>,
          },
        }
      : {}),
    deploy: (
      (raw.deploy ?? [{ environment: 'staging' }, { environment: 'production', via: 'promotion' }]) as Raw[]
    ).map((entry) => ({ via: 'commit', ...entry }) as ModelSpec['deploy'][number]),
    ...monitorOf(raw),
    retrain: (raw.retrain ?? {}) as ModelSpec['retrain'],
  };
}

function stepsOf(raw: Raw): TrainStep[] {
  const common = (raw.parameters ?? {}) as Record<string, unknown>;
  const entries = (raw.steps as Raw[] | undefined) ?? [raw];
  return entries.map((entry) => ({
    ...(entry.notebook ? { notebook: entry.notebook as string } : {}),
    ...(entry.script ? { script: entry.script as string } : {}),
    ...(entry.command ? { command: entry.command as string[] } : {}),
    parameters: { ...common, ...((entry.parameters ?? {}) as Record<string, unknown>) },
  }));
}

const trimmed = (value: string) => value.replace(/^\.\/|\/+$/g, '') || '.';
