import { findCondition, kinds, type PipelineRun, resultsOf } from '@tagboat/api';
import { formatDuration } from '@tagboat/base';
import { runAnnotations, runLabels } from '@tagboat/render';
import { defineCommand } from 'citty';
import { followRun, standardOutput } from '../live.ts';
import { ago, newestFirst, outputOption, projectOption, show } from '../output.ts';
import { connect } from '../session.ts';

export default defineCommand({
  meta: { name: 'runs', description: 'Lists runs, newest first, or follows one' },
  args: {
    name: { type: 'positional', required: false, description: 'a run, to follow it to its end' },
    ...projectOption,
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const { items } = await client.list<PipelineRun>(
      kinds.PipelineRun,
      args.project ? { namespace: args.project } : {},
    );
    const found = args.name && items.find(({ metadata }) => metadata.name === args.name);
    if (args.name && found && args.output !== 'json') {
      const key = { type: kinds.PipelineRun, namespace: found.metadata.namespace ?? '', name: args.name };
      const run = await followRun(client, key, standardOutput());
      if (findCondition(run.status?.conditions, 'Succeeded')?.status !== 'True') process.exitCode = 1;
      return;
    }
    const wanted = args.name ? items.filter(({ metadata }) => metadata.name === args.name) : items;
    show(newestFirst(wanted).map(describe), {
      output: args.output,
      columns: ['project', 'run', 'kind', 'tag', 'status', 'duration', 'started'],
      empty: 'there are no runs yet; push a tag',
    });
  },
});

function describe(run: PipelineRun): Record<string, unknown> {
  const { metadata, status } = run;
  const condition = findCondition(status?.conditions, 'Succeeded');
  const end = status?.completionTime ? Date.parse(status.completionTime) : Date.now();
  return {
    project: metadata.namespace,
    run: metadata.name,
    kind: metadata.labels?.[runLabels.kind],
    tag: metadata.annotations?.[runAnnotations.tag],
    status: condition?.reason ?? 'Pending',
    duration: status?.startTime ? formatDuration(end - Date.parse(status.startTime)) : '',
    started: ago(status?.startTime),
    message: condition?.message,
    commit: metadata.annotations?.[runAnnotations.commit],
    results: resultsOf(run),
  };
}
