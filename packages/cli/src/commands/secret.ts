import { kinds, type Secret } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { defineCommand } from 'citty';
import { outputOption, projectOption, tell } from '../output.ts';
import { connect, currentRepository, ensureProject } from '../session.ts';

const set = defineCommand({
  meta: {
    name: 'set',
    description: 'Keeps values in a Secret, encrypted: tagboat secret set NAME key=value ...',
  },
  args: {
    name: { type: 'positional', required: true },
    ...projectOption,
    ...outputOption,
  },
  async run({ args, rawArgs }) {
    const client = await connect();
    const namespace = args.project ?? (await currentRepository(client))?.project;
    if (!namespace) throw invalid('which project?', { hint: 'say it with -p' });
    const pairs = rawArgs.filter((word) => word.includes('=') && !word.startsWith('-'));
    if (pairs.length === 0) throw invalid('expected at least one key=value');
    const data = Object.fromEntries(
      pairs.map((pair) => {
        const at = pair.indexOf('=');
        return [pair.slice(0, at), Buffer.from(pair.slice(at + 1)).toString('base64')];
      }),
    );
    const key = { type: kinds.Secret, namespace, name: args.name };
    if (await client.get(key)) await client.patch(key, { data });
    else {
      const secret: Secret = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: args.name, namespace },
        type: 'Opaque',
        data,
      };
      // The Secret of a repository that is not connected yet is the first thing of its project.
      await ensureProject(client, namespace);
      await client.create(kinds.Secret, secret);
    }
    const keys = Object.keys(data);
    tell(
      args.output,
      { project: namespace, name: args.name, keys },
      `${namespace}/${args.name}: ${keys.join(', ')}`,
    );
  },
});

export default defineCommand({
  meta: { name: 'secret', description: 'Keeps secrets' },
  subCommands: { set },
});
