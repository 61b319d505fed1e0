import { checkKept, type FromFailed, findCondition, keyOf, kinds, startRerun } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { claimNameOf } from '@tagboat/pipelines';
import { defineCommand } from 'citty';
import { followTree } from '../follow-tree.ts';
import { standardOutput } from '../live.ts';
import { outputOption, projectOption, tell } from '../output.ts';
import { clientSource } from '../run-source.ts';
import { connect, findRun } from '../session.ts';

export default defineCommand({
  meta: { name: 'rerun', description: 'Runs a run again, whole or from where it failed' },
  args: {
    run: { type: 'positional', required: true, description: 'the name of a PipelineRun' },
    'from-failed': { type: 'boolean', description: 'keep the outcome of tasks that succeeded' },
    detach: { type: 'boolean', alias: 'd', description: 'do not follow it' },
    ...projectOption,
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const earlier = await findRun(client, args.run, args.project);
    if (!earlier.status?.completionTime)
      throw invalid(`the run "${args.run}" is not over yet`, {
        hint: `follow it: tagboat runs ${args.run}; or end it: tagboat cancel ${args.run}`,
      });
    const fromFailed: FromFailed = args['from-failed'] ? (binding) => claimNameOf(earlier, binding) : false;
    const { namespace = '' } = earlier.metadata;
    await checkKept(
      earlier,
      fromFailed,
      async (name) => !!(await client.get({ type: kinds.PersistentVolumeClaim, namespace, name })),
    );
    const again = await startRerun((run) => client.create(kinds.PipelineRun, run), earlier, fromFailed);
    const quiet = args.output === 'json';
    if (args.detach || !quiet) tell(args.output, again, `${again.metadata.namespace}/${again.metadata.name}`);
    if (args.detach) return;
    const key = keyOf(kinds.PipelineRun, again);
    const done = await followTree(clientSource(client), key, standardOutput({ quiet }));
    const condition = findCondition(done.status?.conditions, 'Succeeded');
    tell(args.output, done, `${condition?.reason}: ${condition?.message}`);
    if (condition?.status !== 'True') process.exitCode = 1;
  },
});
