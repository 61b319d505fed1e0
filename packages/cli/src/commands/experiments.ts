import { type Experiment, kinds } from '@tagboat/api';
import { runLabels } from '@tagboat/render';
import { defineCommand } from 'citty';
import { ago, modelOptions, newestFirst, short, show } from '../output.ts';
import { checkProject, connect, findModel } from '../session.ts';

export default defineCommand({
  meta: { name: 'experiments', description: 'Lists every training: parameters, metrics and digests' },
  args: modelOptions,
  async run({ args }) {
    const client = await connect();
    const { items } = await client.list<Experiment>(kinds.Experiment, {
      ...(args.project ? { namespace: args.project } : {}),
      ...(args.model ? { labelSelector: `${runLabels.model}=${args.model}` } : {}),
    });
    if (items.length === 0 && args.model) await findModel(client, args.model, args.project);
    if (items.length === 0) await checkProject(client, args.project);
    const pairs = (values: Record<string, unknown> | undefined) =>
      Object.entries(values ?? {})
        .map(([name, value]) => `${name}=${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
        .join(' ');
    show(
      newestFirst(items).map(({ metadata, spec }) =>
        args.output === 'json'
          ? { project: metadata.namespace, recorded: metadata.creationTimestamp, ...spec }
          : {
              model: spec?.model,
              tag: spec?.tag,
              parameters: pairs(spec?.parameters),
              metrics: pairs(spec?.metrics),
              digest: short(spec?.modelDigest),
              reused: spec?.reused ? 'yes' : '',
              when: ago(metadata.creationTimestamp),
            },
      ),
      {
        output: args.output,
        columns: ['model', 'tag', 'parameters', 'metrics', 'digest', 'reused', 'when'],
        empty: 'nothing was trained yet',
      },
    );
  },
});
