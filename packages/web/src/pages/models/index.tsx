import { Label } from '@patternfly/react-core';
import { type Experiment, kinds } from '@tagboat/api';
import type { Model } from '@tagboat/render/model-spec';
import {
  Ago,
  Command,
  type DataColumn,
  DataTable,
  Empty,
  Gate,
  PageFrame,
  Status,
  To,
} from '../../components/index.ts';
import { useList } from '../../data/use-list.ts';
import {
  type Environment,
  environmentsOf,
  gatesOf,
  newestVersion,
  numberText,
  type Service,
  type Version,
  versionsOf,
} from '../model/model-data.ts';
import '../model/model.css';

interface Row {
  readonly model: Model;
  readonly environments: readonly Environment[];
  readonly newest?: Version;
  readonly count: number;
}

/** Every model with what it is worth and where it runs. */
export default function ModelsPage() {
  const models = useList<Model>(kinds.Model);
  const experiments = useList<Experiment>(kinds.Experiment);
  const services = useList<Service>(kinds.InferenceService);
  return (
    <PageFrame title="Models" subtitle="What each model is worth, and where which version of it answers">
      <Gate of={[models, experiments, services]}>
        {() => <Models rows={rowsOf(models.items, experiments.items, services.items)} />}
      </Gate>
    </PageFrame>
  );
}

function rowsOf(
  models: readonly Model[],
  experiments: readonly Experiment[],
  services: readonly Service[],
): Row[] {
  return models.map((model) => {
    const environments = environmentsOf(model, services);
    const own = experiments.filter(
      ({ metadata, spec }) =>
        metadata.namespace === model.metadata.namespace && spec?.model === model.metadata.name,
    );
    const versions = versionsOf(own, environments);
    const newest = newestVersion(versions);
    return { model, environments, count: versions.length, ...(newest ? { newest } : {}) };
  });
}

const columns: readonly DataColumn<Row>[] = [
  {
    title: 'Model',
    cell: ({ model: { metadata } }) => (
      <To page={`/models/${metadata.namespace}/${metadata.name}`}>
        <strong>{metadata.name}</strong>
      </To>
    ),
  },
  { title: 'Project', cell: ({ model }) => model.metadata.namespace },
  {
    title: 'Newest',
    cell: ({ newest }) =>
      newest ? <Status status={newest.passed ? 'succeeded' : 'failed'}>{newest.name}</Status> : 'none',
  },
  {
    title: 'Runs in',
    cell: ({ environments }) => (
      <span className="tb-row">
        {environments
          .filter(({ place }) => place)
          .map(({ name, place, ready }) => (
            <Label key={name} isCompact color={ready ? 'green' : 'yellow'}>
              {name} {place?.tag}
            </Label>
          ))}
      </span>
    ),
  },
  {
    title: 'Gates',
    grows: true,
    cell: ({ model, newest }) =>
      gatesOf(model, newest?.spec.metrics ?? {})
        .map(({ gate, value }) => `${gate.metric} ${numberText(value)}`)
        .join(', ') || 'none',
  },
  { title: 'Versions', align: 'right', cell: ({ count }) => count },
  { title: 'Last', cell: ({ newest }) => (newest ? <Ago at={newest.at} /> : '') },
];

function Models({ rows }: { rows: readonly Row[] }) {
  if (rows.length === 0)
    return (
      <Empty title="No model yet" actions={<Command text="tagboat init" />}>
        A model is declared by a <code>tagboat.yaml</code>; this proposes one in your repository:
      </Empty>
    );
  return (
    <DataTable
      label="Models"
      columns={columns}
      rows={rows}
      keyOf={({ model }) => `${model.metadata.namespace}/${model.metadata.name}`}
    />
  );
}
