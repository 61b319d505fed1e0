import { invalid } from '@tagboat/base';
import { defineCommand } from 'citty';
import { outputOption, projectOption, tell } from '../output.ts';
import { readSecret } from '../read-secret.ts';
import { connect, currentRepository, ensureProject } from '../session.ts';
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
    const namespace = args.project ?? (await currentRepository(client))?.project;
    if (!namespace) throw invalid('which project?', { hint: 'say it with -p' });
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

export default defineCommand({
  meta: { name: 'secret', description: 'Keeps secrets' },
  subCommands: { set },
});
