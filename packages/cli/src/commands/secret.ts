import { invalid } from '@tagboat/base';
import { defineCommand } from 'citty';
import { outputOption, projectOption, tell } from '../output.ts';
import { connect, currentRepository, ensureProject } from '../session.ts';
import { writeSecret } from '../write-secret.ts';

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
    const values = Object.fromEntries(
      pairs.map((pair) => {
        const at = pair.indexOf('=');
        return [pair.slice(0, at), pair.slice(at + 1)];
      }),
    );
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

export default defineCommand({
  meta: { name: 'secret', description: 'Keeps secrets' },
  subCommands: { set },
});
