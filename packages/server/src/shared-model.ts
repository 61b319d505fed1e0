import { type Experiment, type KubernetesObject, kinds } from '@tagboat/api';
import { notFound } from '@tagboat/base';
import type { SeriesStore } from '@tagboat/monitoring';
import { queryRange } from '@tagboat/monitoring';
import { environmentNamespace, type Model, releaseAnnotations } from '@tagboat/render';
import type { Reader } from '@tagboat/store';

export interface SharedModelOptions {
  readonly reader: Reader;
  readonly series: SeriesStore;
  readonly now: () => number;
}

const hours = 24;
const mostExperiments = 500;

/**
 * What a share link shows of a model, and no more: how it is declared, its experiments, where it is deployed, its
 * traffic. Objects have the shape that the API gives them, without what is about the platform. @throws `NotFound`
 */
export async function sharedModel(
  { reader, series, now }: SharedModelOptions,
  { namespace, model: name }: { namespace: string; model: string },
): Promise<Record<string, unknown>> {
  const model = await reader.get<Model>({ type: kinds.Model, namespace, name });
  if (!model) throw notFound('the model does not exist any more');
  const environments = (model.spec?.deploy ?? []).map((target) => ({
    environment: target.environment,
    namespace: environmentNamespace(namespace, target),
  }));
  const services = await Promise.all(
    environments.map(async (place) =>
      reader.get<KubernetesObject>({ type: kinds.InferenceService, namespace: place.namespace, name }),
    ),
  );
  const { items } = await reader.list<Experiment>(kinds.Experiment, {
    namespace,
    labels: [{ key: 'tagboat.dev/model', operator: 'In', values: [name] }],
  });
  const newest = [...items].sort((a, b) => (created(a) < created(b) ? 1 : -1)).slice(0, mostExperiments);
  return {
    model: {
      apiVersion: model.apiVersion,
      kind: model.kind,
      metadata: { name, namespace },
      spec: { deploy: environments, evaluate: { gates: model.spec?.evaluate?.gates ?? [] } },
    },
    experiments: newest.map(({ apiVersion, kind, metadata, spec }) => ({
      apiVersion,
      kind,
      metadata: { name: metadata.name, namespace, creationTimestamp: metadata.creationTimestamp },
      spec,
    })),
    services: services.flatMap((service) => (service ? [shown(service)] : [])),
    traffic: await traffic(
      series,
      now(),
      environments.map((place) => ({ ...place, name })),
    ),
  };
}

const created = ({ metadata }: KubernetesObject) => metadata.creationTimestamp ?? '';

/** An InferenceService with its release's annotations and its state; how it runs is not for everybody. */
function shown({ apiVersion, kind, metadata, status }: KubernetesObject): KubernetesObject {
  const known = new Set<string>(Object.values(releaseAnnotations));
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) => known.has(key));
  return {
    apiVersion,
    kind,
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace ?? '',
      annotations: Object.fromEntries(annotations),
      ...(metadata.creationTimestamp ? { creationTimestamp: metadata.creationTimestamp } : {}),
    },
    status,
  };
}

/** The queries of the model's page, asked for these services alone. */
async function traffic(
  store: SeriesStore,
  now: number,
  places: readonly { environment: string; namespace: string; name: string }[],
) {
  const step = 5 * 60_000;
  const end = Math.floor(now / step) * step;
  const range = { start: end - hours * 3600_000, end, step };
  const all = places.map(async ({ environment, namespace, name }) => {
    const of = `namespace=${JSON.stringify(namespace)},name=${JSON.stringify(name)}`;
    const ask = (query: string) => queryRange(store, query, range);
    const quantile = (q: number) =>
      `histogram_quantile(${q}, sum by (le) (rate(tagboat_request_duration_seconds_bucket{${of}}[5m])))`;
    return {
      environment,
      span: { from: range.start / 1000, to: range.end / 1000, step: range.step / 1000 },
      requests: await ask(`sum(rate(tagboat_requests_total{${of}}[5m])) * 60`),
      errors: await ask(`sum(rate(tagboat_requests_total{${of},code=~"[45].."}[5m])) * 60`),
      median: await ask(quantile(0.5)),
      slow: await ask(quantile(0.95)),
    };
  });
  return Promise.all(all);
}
