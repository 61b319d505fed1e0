import { Label } from '@patternfly/react-core';
import { useMemo } from 'react';
import { TimeChart } from '../../charts/time-chart.tsx';
import { Ago, type DataColumn, DataTable, Empty, StatusIcon, To } from '../../components/index.ts';
import { gatesOf, type ModelLike, numberText, shortDigest, type Version } from './model-data.ts';

const mostCharts = 8;

/** Every version with its metrics, and how the metrics went over time. */
export function Versions({
  model,
  versions,
  shared,
}: {
  model: ModelLike;
  versions: readonly Version[];
  shared?: boolean;
}) {
  const metrics = [...new Set(versions.flatMap(({ spec }) => Object.keys(spec.metrics)))];
  if (versions.length === 0)
    return (
      <Empty title="No version yet">
        A version is a tag that was trained and evaluated:{' '}
        <code>git tag v0.1.0 && git push tagboat v0.1.0</code>
      </Empty>
    );
  const project = model.metadata.namespace ?? '';
  const columns: DataColumn<Version>[] = [
    {
      title: 'Version',
      cell: (version) => <VersionName version={version} project={project} shared={shared ?? false} />,
    },
    {
      title: 'Runs in',
      cell: ({ environments }) =>
        environments.map((name) => (
          <Label key={name} color={name === 'production' ? 'green' : 'blue'} isCompact>
            {name}
          </Label>
        )),
    },
    ...metrics.map((name) => ({
      title: name,
      align: 'right' as const,
      cell: ({ spec }: Version) => numberText(spec.metrics[name]),
    })),
    { title: 'Model', cell: ({ spec }) => <span className="tb-mono">{shortDigest(spec.modelDigest)}</span> },
    { title: 'When', cell: ({ at }) => <Ago at={at} /> },
  ];
  return (
    <div className="tb-stack">
      {versions.length > 1 && <MetricCharts {...{ model, versions, metrics }} />}
      <DataTable
        label="Versions"
        columns={columns}
        rows={versions}
        keyOf={({ experiment }) => experiment.metadata.name}
      />
    </div>
  );
}

function VersionName({ version, project, shared }: { version: Version; project: string; shared: boolean }) {
  const { name, spec, passed } = version;
  return (
    <span className="tb-status-text">
      <StatusIcon
        status={passed ? 'succeeded' : 'failed'}
        title={spec.verdict ?? (passed ? 'Passed' : 'Refused')}
      />
      {shared ? <strong>{name}</strong> : <To page={`/runs/${project}/${spec.pipelineRun}`}>{name}</To>}
      {spec.reused && <span className="tb-quiet">training reused</span>}
    </span>
  );
}

interface ChartsProps {
  readonly model: ModelLike;
  readonly versions: readonly Version[];
  readonly metrics: readonly string[];
}

function MetricCharts({ model, versions, metrics }: ChartsProps) {
  const gates = new Map(gatesOf(model, {}).map(({ gate }) => [gate.metric, gate]));
  const gated = metrics.filter((name) => gates.has(name));
  const shown = [...gated, ...metrics.filter((name) => !gates.has(name))].slice(0, mostCharts);
  return (
    <section className="tb-panel" aria-label="Metrics over time">
      <h2>Metrics over time</h2>
      <div className="tb-charts">
        {shown.map((name) => (
          <MetricChart
            key={name}
            name={name}
            versions={versions}
            limit={gates.get(name)?.max ?? gates.get(name)?.min}
          />
        ))}
      </div>
    </section>
  );
}

function MetricChart({
  name,
  versions,
  limit,
}: {
  name: string;
  versions: readonly Version[];
  limit: number | undefined;
}) {
  const { times, lines } = useMemo(() => {
    const sorted = [...versions].reverse();
    const values = sorted.map(({ spec }) => spec.metrics[name] ?? null);
    const line = { label: name, colour: '--tb-blue', values };
    const gate =
      limit === undefined ? [] : [{ label: 'gate', colour: '--tb-grey', values: values.map(() => limit) }];
    return { times: sorted.map(({ at }) => Date.parse(at) / 1000), lines: [line, ...gate] };
  }, [name, versions, limit]);
  return (
    <TimeChart
      label={name}
      times={times}
      lines={lines}
      format={numberText}
      height={130}
      points
      fromZero={false}
      small
    />
  );
}
