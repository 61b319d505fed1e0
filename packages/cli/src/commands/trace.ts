import { type Experiment, type KubernetesObject, kinds } from '@tagboat/api';
import { notFound } from '@tagboat/base';
import { releaseAnnotations } from '@tagboat/render';
import { defineCommand } from 'citty';
import pc from 'picocolors';
import { outputOption, projectOption, say } from '../output.ts';
import { connect } from '../session.ts';

interface Place {
  readonly environment: string;
  readonly model: string;
  readonly tag: string;
  readonly image: string;
  readonly modelDigest: string;
  readonly commit: string;
  readonly run: string;
  readonly data: Record<string, string>;
}

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
    const found = experiments.filter((experiment) => matches(experiment, args.what));
    if (found.length === 0)
      throw notFound(`nothing is recorded of "${args.what}"`, { hint: 'see: tagboat experiments' });
    const traces = found.map(({ metadata, spec }) => ({
      project: metadata.namespace,
      ...spec,
      serving: places.filter(({ modelDigest }) => modelDigest === spec?.modelDigest),
    }));
    if (args.output === 'json') return say(JSON.stringify(traces, null, 2));
    for (const trace of traces) print(trace);
    return undefined;
  },
});

function matches({ metadata, spec }: Experiment, what: string): boolean {
  if (!spec) return false;
  if ([metadata.name, spec.model, spec.tag].includes(what)) return true;
  const plain = what.replace('sha256:', '');
  const digests = [
    spec.modelDigest,
    spec.imageDigest,
    spec.commit,
    spec.notebook,
    ...Object.values(spec.data),
  ];
  return plain.length >= 7 && digests.some((digest) => digest?.replace('sha256:', '').startsWith(plain));
}

function placeOf({ metadata, spec }: KubernetesObject): Place {
  const note = metadata.annotations ?? {};
  const image = (spec as { predictor?: { containers?: { image?: string }[] } } | undefined)?.predictor
    ?.containers?.[0]?.image;
  return {
    environment: metadata.namespace ?? '',
    model: metadata.name,
    tag: note[releaseAnnotations.tag] ?? '',
    image: image ?? '',
    modelDigest: note[releaseAnnotations.modelDigest] ?? '',
    commit: note[releaseAnnotations.commit] ?? '',
    run: note[releaseAnnotations.run] ?? '',
    data: JSON.parse(note[releaseAnnotations.data] ?? '{}') as Record<string, string>,
  };
}

function print(
  trace: (NonNullable<Experiment['spec']> & { serving: Place[] }) | Record<string, unknown>,
): void {
  const value = trace as NonNullable<Experiment['spec']> & { serving: Place[]; project: string };
  const line = (name: string, text: string | undefined) =>
    text && say(`  ${pc.dim(name.padEnd(10))} ${text}`);
  say(pc.bold(`${value.project}/${value.model} ${value.tag ?? ''}`));
  for (const place of value.serving) line('serving', `${place.environment} (${place.tag})`);
  line('image', value.imageDigest);
  line('model', value.modelDigest);
  line('run', `${value.pipelineRun}${value.reused ? ' (training taken from an earlier run)' : ''}`);
  line('notebook', value.notebook);
  line('commit', value.commit);
  line('parameters', JSON.stringify(value.parameters));
  line('metrics', JSON.stringify(value.metrics));
  for (const [name, digest] of Object.entries(value.data)) line('data', `${name} ${digest}`);
}
