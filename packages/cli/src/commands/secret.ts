import { kinds, type Secret } from '@tagboat/api';
import { invalid, notFound } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import { defineCommand } from 'citty';
import { ago, outputOption, projectOption, show, tell } from '../output.ts';
import { readSecret } from '../read-secret.ts';
import { checkProject, connect, currentRepository, ensureProject } from '../session.ts';
import { writeSecret } from '../write-secret.ts';

const set = defineCommand({
  meta: {
    name: 'set',
    description:
      'Keeps values in a Secret, encrypted: tagboat secret set NAME KEY asks for it, or reads standard input; or key=value ...',
  },
  args: {
    name: { type: 'positional', required: true },
    key: {
      type: 'positional',
      required: true,
      description: 'KEY, whose value is asked for; or key=value, which stays in the history of the shell',
    },
    ...projectOption,
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const namespace = await projectMeant(client, args.project);
    const words = args._.slice(1);
    const asked = words.filter((word) => !word.includes('='));
    if (asked.length > 1 && !process.stdin.isTTY)
      throw invalid(`standard input holds one value, found ${asked.length} keys: ${asked.join(', ')}`);
    const values: Record<string, string> = {};
    for (const word of words) {
      const [key = ''] = word.split('=', 1);
      values[key] = key === word ? await readSecret(key) : word.slice(key.length + 1);
    }
    // The Secret of a repository that is not connected yet is the first thing of its project.
    await ensureProject(client, namespace);
    await writeSecret(client, { namespace, name: args.name }, values);
    const keys = Object.keys(values);
    tell(
      args.output,
      { project: namespace, name: args.name, keys },
      `${namespace}/${args.name}: ${keys.join(', ')}`,
    );
  },
});

const list = defineCommand({
  meta: { name: 'list', description: 'Lists Secrets and the names of their keys; values are never shown' },
  args: { ...projectOption, ...outputOption },
  async run({ args }) {
    const client = await connect();
    const namespace = args.project ?? (await currentRepository(client))?.project;
    const { items } = await client.list<Secret>(kinds.Secret, namespace ? { namespace } : {});
    if (items.length === 0) await checkProject(client, namespace);
    show(
      items.map(({ metadata, type = 'Opaque', data }) => {
        const facts = { project: metadata.namespace, name: metadata.name, type, keys: keysOf({ data }) };
        return args.output === 'json'
          ? { ...facts, created: metadata.creationTimestamp }
          : { ...facts, keys: facts.keys.join(', '), age: ago(metadata.creationTimestamp) };
      }),
      {
        output: args.output,
        columns: ['project', 'name', 'type', 'keys', 'age'],
        empty: 'there are no Secrets; see: tagboat secret set --help',
      },
    );
  },
});

const remove = defineCommand({
  meta: {
    name: 'delete',
    description: 'Deletes a Secret; or of its values those of the keys that are named',
  },
  args: {
    name: { type: 'positional', required: true },
    key: { type: 'positional', required: false, description: 'KEY ...; default: the whole Secret' },
    ...projectOption,
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const namespace = await projectMeant(client, args.project);
    const key = { type: kinds.Secret, namespace, name: args.name };
    const found = await client.get<Secret>(key);
    if (!found)
      throw notFound(`there is no Secret "${args.name}" in ${namespace}`, {
        hint: 'see: tagboat secret list',
      });
    const keys = args._.slice(1);
    const missing = keys.find((name) => !keysOf(found).includes(name));
    if (missing !== undefined)
      throw notFound(`${namespace}/${args.name} has no key "${missing}"`, {
        hint: `it has ${keysOf(found).join(', ') || 'none'}`,
      });
    if (keys.length === 0) await client.delete(key);
    else await client.patch(key, { data: Object.fromEntries(keys.map((name) => [name, null])) });
    tell(
      args.output,
      { project: namespace, name: args.name, deleted: keys.length > 0 ? keys : keysOf(found) },
      `${namespace}/${args.name}: ${keys.join(', ') || 'the whole Secret'} deleted`,
    );
  },
});

const keysOf = ({ data }: Pick<Secret, 'data'>): string[] => Object.keys(data ?? {}).sort();

/** @throws `Invalid` where no project is named, and we are in none */
async function projectMeant(client: Client, given: string | undefined): Promise<string> {
  const project = given ?? (await currentRepository(client))?.project;
  if (project === undefined) throw invalid('which project?', { hint: 'say it with -p' });
  return project;
}

export default defineCommand({
  meta: { name: 'secret', description: 'Keeps secrets: set, list, delete' },
  subCommands: { set, list, delete: remove },
});
