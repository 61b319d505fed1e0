import { type Experiment, kinds } from '@tagboat/api';
import { defineCommand } from 'citty';
import { ago, outputOption, projectOption, short, show } from '../output.ts';
import { connect } from '../session.ts';

export default defineCommand({
  meta: { name: 'experiments', description: 'Lists every training: parameters, metrics and digests' },
  args: { model: { type: 'positional', required: false }, ...projectOption, ...outputOption },
  async run({ args }) {
    const client = await connect();
    const { items } = await client.list<Experiment>(kinds.Experiment, {
      ...(args.project ? { namespace: args.project } : {}),
      ...(args.model ? { labelSelector: `tagboat.dev/model=${args.model}` } : {}),
    });
    const newest = [...items].sort((a, b) =>
      (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1,
    );
    const pairs = (values: Record<string, unknown> | undefined) =>
      Object.entries(values ?? {})
        .map(([name, value]) => `${name}=${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
        .join(' ');
    show(
      newest.map(({ metadata, spec }) =>
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
