import type { Box } from '../../layered-graph/layered-graph.tsx';
import type { GraphEdge } from '../../layered-graph/layout.ts';
import { type Environment, numberText, shortDigest, type Version } from './model-data.ts';

export interface LineageBox extends Box {
  /** The console's page of it. */
  readonly to?: string;
  /** The whole digest or name. */
  readonly full: string;
  readonly what: 'data' | 'commit' | 'run' | 'notebook' | 'model' | 'image' | 'environment' | 'requests';
}

export interface Lineage {
  readonly nodes: readonly LineageBox[];
  readonly edges: readonly GraphEdge[];
}

export interface LineageInput {
  readonly project: string;
  readonly model: string;
  readonly versions: readonly Version[];
  readonly environments: readonly Environment[];
  /** Requests that are remembered, by environment. */
  readonly requests: ReadonlyMap<string, number>;
}

/** From data to predictions: what each version came from, and where it went. What several share is one box. */
export function lineageOf({ project, model, versions, environments, requests }: LineageInput): Lineage {
  const nodes = new Map<string, LineageBox>();
  const edges = new Map<string, GraphEdge>();
  const add = (box: LineageBox) => {
    if (!nodes.has(box.id)) nodes.set(box.id, box);
    return box.id;
  };
  const link = (from: string | undefined, to: string | undefined) => {
    if (from && to) edges.set(`${from} ${to}`, { from, to });
  };
  for (const { spec, name } of versions) {
    const commit = add({
      ...box('commit', spec.commit, 0),
      kind: 'Commit',
      title: spec.commit.slice(0, 10),
      detail: spec.tag ?? '',
      to: `/projects/${project}/${spec.repository}?commit=${spec.commit}`,
    });
    const run = add({
      ...box('run', spec.pipelineRun, 1),
      kind: spec.reused ? 'Run, training reused' : 'Run',
      title: name,
      detail: Object.entries(spec.parameters)
        .map(([key, value]) => `${key}=${String(value)}`)
        .join(' '),
      to: `/runs/${project}/${spec.pipelineRun}`,
    });
    link(commit, run);
    for (const [source, digest] of Object.entries(spec.data))
      link(add({ ...box('data', digest, 0), kind: `Data: ${source}`, title: shortDigest(digest) }), run);
    const made = modelBoxes(spec);
    for (const one of made) add(one);
    link(run, made[0]?.id);
    for (let index = 1; index < made.length; index++) link(made[index - 1]!.id, made[index]!.id);
  }
  for (const environment of environments) {
    const { place, namespace, name } = environment;
    if (!place) continue;
    const id = add({
      ...box('environment', namespace, 5),
      kind: 'Environment',
      title: name,
      detail: place.tag,
      to: `/deployments/${project}-${model}-${name}`,
    });
    const image = [...nodes.values()].find(
      ({ what, full }) => what === 'image' && place.image.endsWith(full),
    );
    link(image?.id ?? `model ${place.modelDigest}`, id);
    const count = requests.get(namespace) ?? 0;
    const asked = add({
      ...box('requests', namespace, 6),
      kind: 'Predictions',
      title: count === 0 ? 'none lately' : `${count.toLocaleString('en')} lately`,
      to: `/models/${project}/${model}?tab=traffic&environment=${name}`,
    });
    link(id, asked);
  }
  const known = [...edges.values()].filter(({ from, to }) => nodes.has(from) && nodes.has(to));
  return { nodes: [...nodes.values()], edges: known };
}

const box = (what: LineageBox['what'], full: string, column: number) => ({
  id: `${what} ${full}`,
  what,
  full,
  column,
});

function modelBoxes(spec: Version['spec']): LineageBox[] {
  const metric = Object.entries(spec.metrics)[0];
  const boxes: (LineageBox | undefined)[] = [
    spec.notebook
      ? {
          ...box('notebook', spec.notebook, 2),
          kind: 'Notebook',
          title: shortDigest(spec.notebook),
        }
      : undefined,
    spec.modelDigest
      ? {
          ...box('model', spec.modelDigest, 3),
          kind: 'Model',
          title: shortDigest(spec.modelDigest),
          ...(metric ? { detail: `${metric[0]} ${numberText(metric[1])}` } : {}),
        }
      : undefined,
    spec.imageDigest
      ? {
          ...box('image', spec.imageDigest, 4),
          kind: 'Image',
          title: shortDigest(spec.imageDigest),
          to: '/images',
        }
      : undefined,
  ];
  return boxes.filter((one) => one !== undefined);
}
