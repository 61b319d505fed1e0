import { findCondition, type HandledRef, kinds, type PipelineRun, resultsOf } from '@tagboat/api';
import { formatDuration, notFound, TagboatError } from '@tagboat/base';
import {
  criticalPathLine,
  noticesOfRun,
  queuePlaces,
  runAnnotations,
  runLabels,
  taskTimes,
} from '@tagboat/render';
import { defineCommand } from 'citty';
import { failureOf, followRun, standardOutput } from '../live.ts';
import { ago, newestFirst, outputOption, projectOption, say, show } from '../output.ts';
import { checkProject, connect } from '../session.ts';
import { silentTags } from '../silent-tags.ts';

export default defineCommand({
  meta: { name: 'runs', description: 'Lists runs, newest first, or follows one' },
  args: {
    name: { type: 'positional', required: false, description: 'a run, to follow it to its end' },
    ...projectOption,
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const within = args.project ? { namespace: args.project } : {};
    const { items } = await client.list<PipelineRun>(kinds.PipelineRun, within);
    if (items.length === 0) await checkProject(client, args.project);
    const found = args.name && items.find(({ metadata }) => metadata.name === args.name);
    if (args.name && found && args.output !== 'json') {
      const key = { type: kinds.PipelineRun, namespace: found.metadata.namespace ?? '', name: args.name };
      const run = await followRun(client, key, standardOutput());
      showTimes(run);
      if (findCondition(run.status?.conditions, 'Succeeded')?.status !== 'True')
        throw new TagboatError(await failureOf(client, run), { reason: 'RunFailed' });
      return;
    }
    const wanted = args.name ? items.filter(({ metadata }) => metadata.name === args.name) : items;
    if (args.name && !found) throw notFound(`there is no run "${args.name}"`, { hint: 'see: tagboat runs' });
    const describe = args.output === 'json' ? facts : row;
    const places = queuePlaces(items);
    const withPlace = (run: PipelineRun) => {
      const ahead = places.get(run.metadata.uid ?? '');
      if (ahead === undefined) return describe(run);
      return { ...describe(run), ...(args.output === 'json' ? { ahead } : { status: waiting(ahead) }) };
    };
    show(newestFirst(wanted).map(withPlace), {
      output: args.output,
      columns: ['project', 'run', 'kind', 'tag', 'status', 'duration', 'started'],
      empty: 'there are no runs yet; push a tag',
    });
    if (args.name || args.output === 'json') return;
    const handled = await client.list<HandledRef>(kinds.HandledRef, within);
    for (const line of silentTags(handled.items, Date.now())) say(`note: ${line}`);
  },
});

function showTimes(run: PipelineRun): void {
  const times = taskTimes(run);
  if (times.length === 0) return;
  say('');
  const rows = times.map(({ task, critical, ...rest }) => ({ task: critical ? `${task} *` : task, ...rest }));
  show(rows, { columns: ['task', 'waited', 'ran', 'overhead'] });
  const path = criticalPathLine(run);
  if (path) say(`* ${path}`);
}

/** How many runs of its repository start before one that waits. */
const waiting = (ahead: number) => (ahead === 0 ? 'waits, is next' : `waits, ${ahead} ahead`);

/** For people. */
function row(run: PipelineRun): Record<string, unknown> {
  const { startTime, completionTime, timing } = run.status ?? {};
  const end = completionTime ? Date.parse(timing?.completedAt ?? completionTime) : Date.now();
  return {
    ...facts(run),
    duration: startTime ? formatDuration(end - Date.parse(startTime)) : '',
    started: ago(startTime),
  };
}

/** For machines: times as they are. */
function facts(run: PipelineRun): Record<string, unknown> {
  const { metadata, status } = run;
  const condition = findCondition(status?.conditions, 'Succeeded');
  return {
    project: metadata.namespace,
    run: metadata.name,
    kind: metadata.labels?.[runLabels.kind],
    tag: metadata.annotations?.[runAnnotations.tag],
    status: condition?.reason ?? 'Pending',
    started: status?.startTime,
    completed: status?.completionTime,
    message: condition?.message,
    commit: metadata.annotations?.[runAnnotations.commit],
    notices: noticesOfRun(run),
    results: resultsOf(run),
    timing: status?.timing,
  };
}
