import { findCondition, type KubernetesObject, kinds, type PipelineRun } from '@tagboat/api';
import type { Client } from '@tagboat/client';
import {
  environmentNamespace,
  type Model,
  noticesOfRun,
  releaseAnnotations,
  runLabels,
} from '@tagboat/render';
import { defineCommand } from 'citty';
import pc from 'picocolors';
import { ago, newestFirst, outputOption, projectOption, say, show } from '../output.ts';
import { about, checkProject, connect } from '../session.ts';

export default defineCommand({
  meta: { name: 'status', description: 'Shows every model: its last run and what is deployed' },
  args: { ...projectOption, ...outputOption },
  async run({ args }) {
    const client = await connect();
    const platform = await about(client);
    const scope = args.project ? { namespace: args.project } : {};
    const [models, runs] = await Promise.all([
      client.list<Model>(kinds.Model, scope),
      client.list<PipelineRun>(kinds.PipelineRun, scope),
    ]);
    if (models.items.length === 0) await checkProject(client, args.project);
    const services = await deployed(client, args.project, models.items);
    const rows = models.items.map((model) => describe(model, runs.items, services));
    if (args.output !== 'json')
      say(
        `Tagboat ${platform.version} at ${platform.url}, models at ${platform.appsUrl}, pods by ${platform.driver}${platform.driverNote ? ` (${platform.driverNote})` : ''}`,
      );
    const told = args.output === 'json' ? rows.map(({ facts }) => facts) : rows.map(({ row }) => row);
    show(told, {
      output: args.output,
      columns: ['project', 'model', 'run', 'status', 'when', 'deployed', 'drift', 'retrained'],
      empty: 'there are no models yet; see: tagboat init',
    });
    if (args.output === 'json') return;
    for (const { project, model, notices } of rows.map(({ facts }) => facts))
      for (const notice of notices) say(`${pc.yellow('note')}: ${project}/${model}: ${notice}`);
    for (const { project, model, drift, retrained } of rows.map(({ facts }) => facts))
      if (drift?.status === 'True') {
        const learnt = retrained?.message.startsWith('drifting, ') ? `; ${retrained.message.slice(10)}` : '';
        say(
          `${pc.yellow('drifting')}: ${project}/${model}: ${drift.message}${learnt}; see: tagboat drift ${model}`,
        );
      }
  },
});

/** What is served: all of it, or of one project what its models name. */
async function deployed(
  client: Client,
  project: string | undefined,
  models: readonly Model[],
): Promise<KubernetesObject[]> {
  if (project === undefined) return (await client.list<KubernetesObject>(kinds.InferenceService)).items;
  const places = models.flatMap(({ spec }) =>
    (spec?.deploy ?? []).map((target) => environmentNamespace(project, target)),
  );
  const lists = [...new Set(places)].map((namespace) =>
    client.list<KubernetesObject>(kinds.InferenceService, { namespace }),
  );
  return (await Promise.all(lists)).flatMap(({ items }) => items);
}

function describe(model: Model, runs: readonly PipelineRun[], services: readonly KubernetesObject[]) {
  const project = model.metadata.namespace ?? '';
  const { name } = model.metadata;
  const newest = newestFirst(
    runs.filter(
      ({ metadata }) => metadata.namespace === project && metadata.labels?.[runLabels.model] === name,
    ),
  )[0];
  const deployed = (model.spec?.deploy ?? []).flatMap((target) => {
    const place = environmentNamespace(project, target);
    const service = services.find(
      (found) => found.metadata.namespace === place && found.metadata.name === name,
    );
    const tag = service?.metadata.annotations?.[releaseAnnotations.tag];
    return tag ? [[target.environment, tag] as const] : [];
  });
  const retrained = model.status?.lastRetrain;
  const condition = findCondition(model.status?.conditions, 'Drifting');
  const drift = condition && {
    status: condition.status,
    reason: condition.reason,
    message: condition.message,
    since: condition.lastTransitionTime,
  };
  const when = newest?.status?.completionTime ?? newest?.status?.startTime;
  const facts = {
    project,
    model: name,
    run: newest?.metadata.name,
    status: findCondition(newest?.status?.conditions, 'Succeeded')?.reason ?? '',
    when,
    deployed: Object.fromEntries(deployed),
    drift,
    retrained,
    notices: newest ? noticesOfRun(newest) : [],
  };
  const row = {
    ...facts,
    when: ago(when),
    deployed: deployed.map((pair) => pair.join(' ')).join(', '),
    drift: drift ? `${driftWords[drift.status]} ${ago(drift.since)}` : 'not watched',
    retrained: retrained ? `${retrained.outcome} ${ago(retrained.at)}` : '',
  };
  return { facts, row };
}

const driftWords = { True: 'drifting', False: 'steady', Unknown: 'unknown' } as const;
