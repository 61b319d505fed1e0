import { findCondition, type KubernetesObject, kinds, type PipelineRun } from '@tagboat/api';
import { environmentNamespace, type Model, releaseAnnotations, runLabels } from '@tagboat/render';
import { defineCommand } from 'citty';
import { ago, newestFirst, outputOption, projectOption, say, show } from '../output.ts';
import { about, connect } from '../session.ts';

export default defineCommand({
  meta: { name: 'status', description: 'Shows every model: its last run and what is deployed' },
  args: { ...projectOption, ...outputOption },
  async run({ args }) {
    const client = await connect();
    const platform = await about(client);
    const scope = args.project ? { namespace: args.project } : {};
    const [models, runs, services] = await Promise.all([
      client.list<Model>(kinds.Model, scope),
      client.list<PipelineRun>(kinds.PipelineRun, scope),
      client.list<KubernetesObject>(kinds.InferenceService),
    ]);
    const rows = models.items.map((model) => describe(model, runs.items, services.items));
    if (args.output !== 'json')
      say(
        `Tagboat ${platform.version} at ${platform.url}, models at ${platform.appsUrl}, pods by ${platform.driver}${platform.driverNote ? ` (${platform.driverNote})` : ''}`,
      );
    show(rows, {
      output: args.output,
      columns: ['project', 'model', 'run', 'status', 'when', 'deployed', 'retrained'],
      empty: 'there are no models yet; see: tagboat init',
    });
  },
});

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
    return tag ? [`${target.environment} ${tag}`] : [];
  });
  const retrained = model.status?.lastRetrain;
  return {
    project,
    model: name,
    run: newest?.metadata.name,
    status: findCondition(newest?.status?.conditions, 'Succeeded')?.reason ?? '',
    when: ago(newest?.status?.completionTime ?? newest?.status?.startTime),
    deployed: deployed.join(', '),
    retrained: retrained ? `${retrained.outcome} ${ago(retrained.at)}` : '',
    notices: model.status?.notices ?? [],
  };
}
