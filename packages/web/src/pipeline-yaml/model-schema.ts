import { modelFileShape } from '@tagboat/render/model-file';
import type { Shape } from '@tagboat/render/shape';
import type { Field, Schema } from './schema.ts';

/** What each key of a `tagboat.yaml` is for, by its path without list positions. */
const abouts: Readonly<Record<string, string>> = {
  apiVersion: 'Version',
  kind: 'Kind',
  metadata: 'Name, labels and annotations',
  'metadata.name': 'Name of the model: small letters, digits and "-"',
  spec: 'The declared loop',
  'spec.tags': 'Tags that release, such as "v*"',
  'spec.context': 'The directory of a monorepo that the model lives in',
  'spec.environment': 'Python and its packages',
  'spec.environment.python': 'A version such as "3.11"',
  'spec.environment.file': 'requirements.txt, pyproject.toml, Pipfile or environment.yml',
  'spec.data': 'What training reads; pinned by digest',
  'spec.data.name': 'Name; steps find it as TAGBOAT_DATA_<NAME>',
  'spec.data.path': 'Where it stands in the working directory',
  'spec.data.url': 'Where it is fetched from',
  'spec.data.command': 'What makes it',
  'spec.data.refresh': 'When it is looked at anew',
  'spec.train': 'How the model is made: a notebook, a script, a command, or steps',
  'spec.train.notebook': 'Executed cell by cell, outputs kept',
  'spec.train.script': 'A Python script',
  'spec.train.command': 'Any command',
  'spec.train.steps': 'Several, one after the other',
  'spec.train.parameters': 'Values that the run sets',
  'spec.train.inputs': 'Files that training sees; others are not there',
  'spec.train.outputs': 'Files that are kept besides the artifact',
  'spec.train.resources': 'cpu and memory, such as "2" and 4Gi',
  'spec.train.timeout': 'Such as 2h',
  'spec.train.reuse': 'auto: an equal training is not done twice; never: it is',
  'spec.artifact': 'The model file',
  'spec.artifact.path': 'Where training leaves it, or where it is committed',
  'spec.evaluate': 'What says how good it is',
  'spec.evaluate.metrics': 'The JSON file with the metrics',
  'spec.evaluate.gates': 'What a release must pass',
  'spec.evaluate.gates.metric': 'Name of the metric',
  'spec.evaluate.gates.min': 'At least',
  'spec.evaluate.gates.max': 'At most',
  'spec.evaluate.gates.direction': 'Which way is better',
  'spec.evaluate.gates.notWorseThanDeployedBy': 'How much worse than what is deployed it may be',
  'spec.image': 'The image that serves it',
  'spec.image.base': 'The image it begins with',
  'spec.serve': 'How it answers',
  'spec.serve.predictor': 'path/to/file.py:Class with load(path) and predict(inputs)',
  'spec.serve.format': 'A default server instead of a predictor',
  'spec.serve.replicas': 'How many pods',
  'spec.serve.inputs': 'Files that serving needs',
  'spec.deploy': 'Where it is released, one environment after the other',
  'spec.deploy.environment': 'Name of the environment, such as staging',
  'spec.deploy.repo': 'A deployment repository of your own',
  'spec.deploy.path': 'The directory of its Kustomize files',
  'spec.deploy.image': 'The image entry that a release changes',
  'spec.deploy.namespace': 'Where it runs',
  'spec.deploy.via': 'commit: each release; promotion: when somebody promotes it',
  'spec.monitor': 'What is watched while it serves',
  'spec.monitor.reference':
    'Rows of inputs to compare with: CSV, JSON or Parquet; training finds it as TAGBOAT_REFERENCE',
  'spec.monitor.drift': 'When inputs count as drifting',
  'spec.monitor.drift.method': 'psi: population stability index; jensenshannon: a distance from 0 to 1',
  'spec.monitor.drift.threshold': 'From this figure of any feature on; 0.2 for psi, 0.1 for jensenshannon',
  'spec.monitor.drift.window': 'How far back, such as 24h',
  'spec.monitor.drift.minSamples': 'Fewer inputs say nothing',
  'spec.retrain': 'When it is trained anew',
  'spec.retrain.schedule': 'Cron, in UTC, such as "0 3 * * 1"',
  'spec.retrain.onDrift': 'Where its inputs drift',
};

function schemaOf(shape: Shape, path: string): Schema {
  switch (shape.kind) {
    case 'string':
    case 'duration':
      return shape.kind === 'string' && shape.oneOf
        ? { type: 'text', options: shape.oneOf }
        : { type: 'text' };
    case 'number':
      return { type: 'number' };
    case 'boolean':
      return { type: 'flag' };
    case 'list':
      return { type: 'list', of: () => schemaOf(shape.of, path) };
    case 'map':
      return { type: 'object', fields: {}, open: true };
    case 'object':
      return { type: 'object', fields: fieldsOf(shape, path) };
    default:
      return { type: 'anything' };
  }
}

function fieldsOf(shape: Extract<Shape, { kind: 'object' }>, path: string): Record<string, Field> {
  return Object.fromEntries(
    Object.entries(shape.keys).map(([key, inner]) => {
      const at = path === '' ? key : `${path}.${key}`;
      const required = shape.required?.includes(key) ?? false;
      return [key, { schema: schemaOf(inner, at), about: abouts[at] ?? '', required }];
    }),
  );
}

/** A `tagboat.yaml`, as the platform itself checks it. */
export const modelSchema: Schema = schemaOf(modelFileShape, '');
