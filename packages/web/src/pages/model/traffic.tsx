import { Label, Switch, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { kinds } from '@tagboat/api';
import { recordInputsAnnotation } from '@tagboat/render/run-labels';
import { type ReactNode, useMemo, useState } from 'react';
import { TimeChart } from '../../charts/time-chart.tsx';
import {
  Ago,
  type DataColumn,
  DataTable,
  Empty,
  Equivalent,
  Failed,
  Loading,
} from '../../components/index.ts';
import { useAction } from '../../data/actions.ts';
import { bytes } from '../../data/bytes.ts';
import { client } from '../../data/client.ts';
import { type Environment, numberText, shortDigest } from './model-data.ts';
import {
  columns,
  type ServedRequest,
  spans,
  type TrafficData,
  useRequests,
  useTraffic,
} from './use-traffic.ts';

const perMinute = (value: number) => `${numberText(value)}/min`;
const duration = (seconds: number) =>
  seconds >= 1
    ? `${numberText(Math.round(seconds * 100) / 100)} s`
    : `${numberText(Math.round(seconds * 10000) / 10)} ms`;

/** Traffic, errors and latency as charts. */
export function TrafficCharts({ data }: { data: TrafficData }) {
  const traffic = useMemo(() => {
    const { times, values, isEmpty } = columns([data.requests, data.errors], data.span);
    return {
      isEmpty,
      times,
      lines: [
        { label: 'requests', colour: '--tb-blue', values: values[0]!, fill: true },
        { label: 'errors', colour: '--tb-red', values: values[1]!, fill: true },
      ],
    };
  }, [data]);
  const latency = useMemo(() => {
    const { times, values } = columns([data.median, data.slow], data.span);
    return {
      times,
      lines: [
        { label: 'median', colour: '--tb-green', values: values[0]! },
        { label: '95 of 100', colour: '--tb-purple', values: values[1]! },
      ],
    };
  }, [data]);
  if (traffic.isEmpty)
    return (
      <Empty title="Nothing is measured yet">
        Measurements begin with the first request, and are taken each 15 s.
      </Empty>
    );
  return (
    <div className="tb-columns tb-columns--wide">
      <div className="tb-panel">
        <TimeChart
          label="Requests and errors"
          {...traffic}
          format={perMinute}
          height={220}
          span={data.span}
        />
      </div>
      <div className="tb-panel">
        <TimeChart label="Latency" {...latency} format={duration} height={220} span={data.span} />
      </div>
    </div>
  );
}

export interface TrafficProps {
  readonly project: string;
  readonly model: string;
  readonly environment: Environment;
  readonly recordsInputs: boolean;
}

export function Traffic(props: TrafficProps & { readonly chooser: ReactNode }) {
  const { project, model, environment, recordsInputs, chooser } = props;
  const [span, setSpan] = useState(spans[0]!);
  const traffic = useTraffic(environment.namespace, model, span);
  return (
    <div className="tb-stack">
      <div className="tb-row">
        {chooser}
        <ToggleGroup aria-label="Span">
          {spans.map((one) => (
            <ToggleGroupItem
              key={one.label}
              text={one.label}
              buttonId={`span-${one.seconds}`}
              isSelected={one === span}
              onChange={() => setSpan(one)}
            />
          ))}
        </ToggleGroup>
        <span className="tb-quiet">
          Prometheus' API is at <code>/prometheus</code>: Grafana can draw the same.
        </span>
      </div>
      {traffic.error ? (
        <Failed error={traffic.error} retry={() => void traffic.refetch()} />
      ) : traffic.data ? (
        <TrafficCharts data={traffic.data} />
      ) : (
        <Loading />
      )}
      <Requests {...{ project, model, environment, recordsInputs }} />
    </div>
  );
}

function Requests({ project, model, environment, recordsInputs }: TrafficProps) {
  const { requests, query } = useRequests(environment.namespace, model);
  const toggle = useAction((on: boolean) =>
    client.patch(
      { type: kinds.Model, namespace: project, name: model },
      {
        metadata: { annotations: { [recordInputsAnnotation]: on ? 'true' : null } },
      },
    ),
  );
  const shown: DataColumn<ServedRequest>[] = [
    { title: 'When', cell: ({ time }) => <Ago at={time} /> },
    { title: 'Request', cell: ({ method, path }) => <span className="tb-mono">{`${method} ${path}`}</span> },
    { title: 'Status', cell: ({ status }) => <Code status={status} /> },
    { title: 'Took', align: 'right', cell: ({ milliseconds }) => `${numberText(milliseconds)} ms` },
    { title: 'In', align: 'right', cell: ({ requestBytes }) => bytes(requestBytes) },
    { title: 'Out', align: 'right', cell: ({ responseBytes }) => bytes(responseBytes) },
    { title: 'Model', cell: ({ model: digest }) => <span className="tb-mono">{shortDigest(digest)}</span> },
    ...(recordsInputs || requests.some(({ input }) => input)
      ? [
          {
            title: 'Input',
            grows: true,
            cell: ({ input }: ServedRequest) => (
              <span className="tb-mono">{(input ?? '').slice(0, 160)}</span>
            ),
          },
        ]
      : []),
  ];
  return (
    <section className="tb-stack" aria-label="Recent requests">
      <div className="tb-row tb-row--between">
        <h2 className="tb-heading">Recent requests</h2>
        <span className="tb-row">
          <Switch
            id="record-inputs"
            label="Keep what is asked"
            isChecked={recordsInputs}
            isDisabled={toggle.busy}
            onChange={(_event, on) => void toggle.run(on)}
          />
          <Equivalent
            text={`kubectl annotate model ${model} -n ${project} ${recordInputsAnnotation}${recordsInputs ? '-' : '=true'}`}
          />
        </span>
      </div>
      {query.error ? (
        <Failed error={query.error} retry={() => void query.refetch()} />
      ) : requests.length === 0 && query.isPending ? (
        <Loading rows={3} />
      ) : requests.length === 0 ? (
        <Empty title="No request yet">
          <code>tagboat predict {model} '…'</code> makes one, and so does Try it.
        </Empty>
      ) : (
        <DataTable
          label="Recent requests"
          columns={shown}
          rows={requests}
          keyOf={({ time, path, milliseconds }, index) =>
            `${time} ${path} ${milliseconds} ${requests.length - index}`
          }
        />
      )}
    </section>
  );
}

function Code({ status }: { status: number }) {
  const colour = status >= 500 ? 'red' : status >= 400 ? 'yellow' : 'green';
  return (
    <Label isCompact color={colour}>
      {status}
    </Label>
  );
}
