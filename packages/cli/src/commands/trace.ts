import { type Experiment, type KubernetesObject, kinds } from '@tagboat/api';
import { notFound } from '@tagboat/base';
import { isMeant, placeOf, type Trace, traceOf } from '@tagboat/render';
import { defineCommand } from 'citty';
import pc from 'picocolors';
import { outputOption, projectOption, say, tell } from '../output.ts';
import { connect } from '../session.ts';

export default defineCommand({
  meta: {
    name: 'trace',
    description: 'Walks from a model, run, tag or digest to where it came from and where it serves',
  },
  args: {
    what: {
      type: 'positional',
      required: true,
      description:
        'a model, a run, a tag, a commit, or the digest of a model, an image or data (as in the header x-tagboat-model)',
    },
    ...projectOption,
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const scope = args.project ? { namespace: args.project } : {};
    const [{ items: experiments }, { items: services }] = await Promise.all([
      client.list<Experiment>(kinds.Experiment, scope),
      client.list<KubernetesObject>(kinds.InferenceService),
    ]);
    const places = services.map(placeOf);
    const found = experiments.filter((experiment) => isMeant(experiment, args.what));
    if (found.length === 0)
      throw notFound(`nothing is recorded of "${args.what}"`, { hint: 'see: tagboat experiments' });
    const traces = found.map((experiment) => traceOf(experiment, places));
    if (args.output === 'json') return tell(args.output, traces, []);
    for (const trace of traces) print(trace);
    return undefined;
  },
});

function print(trace: Trace): void {
  const line = (name: string, text: string | undefined) =>
    text && say(`  ${pc.dim(name.padEnd(10))} ${text}`);
  say(pc.bold(`${trace.project}/${trace.model} ${trace.tag ?? ''}`));
  for (const place of trace.serving) line('serving', `${place.environment} (${place.tag})`);
  line('image', trace.imageDigest);
  line('model', trace.modelDigest);
  line('run', `${trace.pipelineRun}${trace.reused ? ' (training taken from an earlier run)' : ''}`);
  line('notebook', trace.notebook);
  line('commit', trace.commit);
  line('parameters', JSON.stringify(trace.parameters));
  line('metrics', JSON.stringify(trace.metrics));
  for (const [name, digest] of Object.entries(trace.data)) line('data', `${name} ${digest}`);
}
