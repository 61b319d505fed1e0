import { findCondition, keyOf, kinds } from '@tagboat/api';
import { conflict } from '@tagboat/base';
import { defineCommand } from 'citty';
import { outputOption, projectOption, tell } from '../output.ts';
import { connect, findRun } from '../session.ts';

export default defineCommand({
  meta: { name: 'cancel', description: 'Ends a run that has not ended: its steps are stopped' },
  args: {
    run: { type: 'positional', required: true, description: 'as tagboat runs lists it' },
    ...projectOption,
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const run = await findRun(client, args.run, args.project);
    const key = keyOf(kinds.PipelineRun, run);
    const ended = findCondition(run.status?.conditions, 'Succeeded');
    if (ended && ended.status !== 'Unknown')
      throw conflict(`${key.name} has ended already: ${ended.reason}`, {
        hint: `see: tagboat logs ${key.name}`,
      });
    await client.patch(key, { spec: { status: 'Cancelled' } });
    const facts = { project: key.namespace, run: key.name };
    tell(
      args.output,
      facts,
      `${key.namespace}/${key.name} is being cancelled; see: tagboat runs ${key.name}`,
    );
  },
});
