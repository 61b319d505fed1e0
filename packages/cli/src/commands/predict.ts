import { readFile } from 'node:fs/promises';
import { type Condition, findCondition, type KubernetesObject, kinds } from '@tagboat/api';
import { invalid, TagboatError } from '@tagboat/base';
import { type Client, until } from '@tagboat/client';
import { environmentNamespace } from '@tagboat/render';
import { defineCommand } from 'citty';
import { outputOption, projectOption, say } from '../output.ts';
import { about, connect, findModel } from '../session.ts';

export default defineCommand({
  meta: { name: 'predict', description: 'Asks a served model' },
  args: {
    model: {
      type: 'positional',
      required: false,
      description: 'default: the one of this repository, or the only one',
    },
    input: {
      type: 'positional',
      required: false,
      description: 'JSON; absent: the model says what it expects',
    },
    file: { type: 'string', alias: 'f', description: 'a file with the JSON, - for standard input' },
    environment: { type: 'string', alias: 'e', description: 'default: the first that the model declares' },
    ...projectOption,
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    // Where there is one model only, what is said first may be its input.
    const [name, input] =
      args.input === undefined && /^\s*[[{"]/.test(args.model ?? '')
        ? [undefined, args.model]
        : [args.model, args.input];
    const model = await findModel(client, name, args.project);
    const { appsUrl } = await about(client);
    const environments = model.spec?.deploy ?? [];
    const target = args.environment
      ? environments.find(({ environment }) => environment === args.environment)
      : environments[0];
    if (!target)
      throw invalid(`${model.metadata.name} has no environment ${args.environment ?? ''}`.trim(), {
        hint: `it has ${environments.map(({ environment }) => environment).join(', ') || 'none'}`,
      });
    const namespace = environmentNamespace(model.metadata.namespace ?? '', target);
    const url = `${appsUrl}/${namespace}/${model.metadata.name}/predict`;
    const body = args.file ? await readFile(args.file === '-' ? '/dev/stdin' : args.file, 'utf8') : input;
    if (body !== undefined && !isJson(body))
      throw invalid('expected JSON', {
        hint: `for example: tagboat predict ${model.metadata.name} '{"x": 1}'`,
      });
    const ask = () =>
      fetch(
        url,
        body === undefined ? {} : { method: 'POST', body, headers: { 'content-type': 'application/json' } },
      );
    let response = await ask();
    if (response.status === 503) {
      await ready(client, namespace, model.metadata.name);
      response = await ask();
    }
    const text = await response.text();
    if (!response.ok)
      throw new TagboatError(errorIn(text), {
        reason: 'PredictionFailed',
        hint: `${response.status} from ${url}`,
      });
    say(isJson(text) ? JSON.stringify(JSON.parse(text), null, args.output === 'json' ? 0 : 2) : text);
  },
});

/** What was released just now takes a moment to serve. @throws `Timeout`, and what keeps its server from starting */
async function ready(client: Client, namespace: string, name: string): Promise<void> {
  process.stderr.write(`waits until ${namespace}/${name} is ready\n`);
  await until<KubernetesObject<unknown, { conditions?: Condition[] }>>(
    client,
    {
      type: kinds.InferenceService,
      namespace,
      what: `the start of ${namespace}/${name}`,
      hint: 'see: tagboat apps',
      timeout: 60_000,
    },
    ({ metadata, status }) => {
      const ready = metadata.name === name ? findCondition(status?.conditions, 'Ready') : undefined;
      if (failures.has(ready?.reason ?? ''))
        throw new TagboatError(`${namespace}/${name} does not serve: ${ready?.message}`, {
          reason: 'PredictionFailed',
          hint: `see: tagboat logs ${name} -p ${namespace}`,
        });
      return ready?.status === 'True';
    },
  );
}

const failures: ReadonlySet<string> = new Set([
  'ModelLoadFailed',
  'ProgressDeadlineExceeded',
  'Unsupported',
  'ErrImagePull',
  'ImagePullBackOff',
]);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function errorIn(text: string): string {
  return isJson(text) ? ((JSON.parse(text) as { error?: string }).error ?? text) : text;
}
