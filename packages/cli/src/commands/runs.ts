import { findCondition, kinds, type PipelineRun } from '@tagboat/api';
import { formatDuration } from '@tagboat/base';
import { defineCommand } from 'citty';
import { followRun } from '../live.ts';
import { ago, outputOption, projectOption, show } from '../output.ts';
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
      const run = await followRun(client, key, {
        write: (text) => process.stdout.write(text),
        terminal: process.stdout.isTTY,
      });
      if (findCondition(run.status?.conditions, 'Succeeded')?.status !== 'True') process.exitCode = 1;
      return;
    }
    const wanted = args.name ? items.filter(({ metadata }) => metadata.name === args.name) : items;
    const newest = [...wanted].sort((a, b) =>
      (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1,
    );
    show(newest.map(describe), {
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
    kind: metadata.labels?.['tagboat.dev/kind'],
    tag: metadata.annotations?.['tagboat.dev/tag'],
    status: condition?.reason ?? 'Pending',
    duration: status?.startTime ? formatDuration(end - Date.parse(status.startTime)) : '',
    started: ago(status?.startTime),
    message: condition?.message,
    commit: metadata.annotations?.['tagboat.dev/commit'],
    results: Object.fromEntries((status?.results ?? []).map(({ name, value }) => [name, value])),
  };
}
