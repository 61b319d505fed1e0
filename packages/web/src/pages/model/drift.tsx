import { Button, Label } from '@patternfly/react-core';
import type { DriftReport, FeatureDrift } from '@tagboat/api';
import { type ReactNode, useMemo, useState } from 'react';
import { TimeChart } from '../../charts/time-chart.tsx';
import { Command, Empty, Failed, Loading, Status, type StatusName } from '../../components/index.ts';
import { type Environment, numberText } from './model-data.ts';
import { type DriftData, useDrift } from './use-drift.ts';
import { columns, useRequests } from './use-traffic.ts';

const firstFeatures = 12;
const colours = ['--tb-blue', '--tb-purple', '--tb-green', '--tb-yellow'];
const looks = { drifting: 'warning', steady: 'healthy', unknown: 'unknown' } as const satisfies Record<
  string,
  StatusName
>;

export interface DriftProps {
  readonly project: string;
  readonly model: string;
  readonly environment: Environment;
  /** What the model's condition says. */
  readonly said: string | undefined;
  readonly chooser: ReactNode;
}

/** What the model is asked, beside what it was trained for. */
export function Drift({ project, model, environment, said, chooser }: DriftProps) {
  const drift = useDrift({ project, model, namespace: environment.namespace, said });
  useRequests(environment.namespace, model);
  return (
    <div className="tb-stack">
      <div className="tb-row">
        {chooser}
        <Command text={`tagboat drift ${model}`} />
      </div>
      {drift.error?.reason === 'NotFound' ? (
        <NotWatched />
      ) : drift.error ? (
        <Failed error={drift.error} retry={() => void drift.refetch()} />
      ) : drift.data ? (
        <Found data={drift.data} />
      ) : (
        <Loading />
      )}
    </div>
  );
}

function NotWatched() {
  return (
    <Empty title="Inputs are not watched">
      <code>{'monitor: { drift: { method: psi, threshold: 0.2 } }'}</code> in tagboat.yaml compares what the
      model is asked with what it was trained for, from the next release on.
    </Empty>
  );
}

export function Found({ data }: { data: DriftData }) {
  const { report, environment } = data;
  const [all, setAll] = useState(false);
  if (!environment) return <Empty title="It is not looked at yet">That takes up to 15 s.</Empty>;
  const { state, message, inputs, referenceInputs, features, leftOut } = environment;
  const shown = all ? features : features.slice(0, firstFeatures);
  const known = state !== 'unknown';
  return (
    <>
      <div className="tb-row">
        <Status status={looks[state]}>{state}</Status>
        <span>{message}</span>
      </div>
      {features.length > 0 && (
        <p className="tb-quiet">
          {inputs.toLocaleString('en')} inputs of {report.window} beside{' '}
          {referenceInputs.toLocaleString('en')} of training; {report.method} from {report.threshold} on is
          drift.
          {leftOut > 0 && ` ${leftOut.toLocaleString('en')} more features are not watched.`}
        </p>
      )}
      {data.scores.length > 0 && <Scores data={data} />}
      <div className="tb-drift">
        {shown.map((feature) => (
          <Feature key={feature.name} {...{ feature, report, known, inputs }} />
        ))}
      </div>
      {shown.length < features.length && (
        <Button variant="link" isInline onClick={() => setAll(true)}>
          Show all {features.length} features
        </Button>
      )}
    </>
  );
}

function Scores({ data }: { data: DriftData }) {
  const chart = useMemo(() => {
    const { scores, span, report } = data;
    const { times, values } = columns(
      scores.map((one) => [one]),
      span,
    );
    const lines = scores.map(({ metric }, index) => ({
      label: metric.feature ?? '',
      colour: colours[index] ?? '--tb-blue',
      values: values[index]!,
    }));
    const threshold = { label: 'threshold', colour: '--tb-red', values: times.map(() => report.threshold) };
    return { times, lines: [...lines, threshold] };
  }, [data]);
  return (
    <div className="tb-panel">
      <TimeChart
        label={`${data.report.method} of the features that are furthest`}
        {...chart}
        format={numberText}
        height={220}
        span={data.span}
      />
    </div>
  );
}

interface FeatureProps {
  readonly feature: FeatureDrift;
  readonly report: DriftReport;
  /** Whether there are inputs enough to judge. */
  readonly known: boolean;
  readonly inputs: number;
}

function Feature({ feature, report, known, inputs }: FeatureProps) {
  const { name, score, bins } = feature;
  const drifts = known && score >= report.threshold;
  const most = Math.max(...bins.flatMap(({ reference, live }) => [reference, live]), 0.01);
  const empty = ({ reference, live }: FeatureDrift['bins'][number]) => reference === 0 && live === 0;
  return (
    <section className="tb-panel" aria-label={name}>
      <div className="tb-panel__head">
        <h2 className="tb-drift__name" title={name}>
          {name}
        </h2>
        {known && (
          <Label isCompact color={drifts ? 'yellow' : 'green'}>
            {report.method} {numberText(score)}
          </Label>
        )}
      </div>
      <table className="tb-bins">
        <thead>
          <tr>
            <th scope="col">Value</th>
            <th scope="col">Training</th>
            <th scope="col">{inputs > 0 ? 'Now' : 'Now (nothing yet)'}</th>
          </tr>
        </thead>
        <tbody>
          {bins
            .filter((bin) => !empty(bin))
            .map((bin) => (
              <tr key={bin.label}>
                <th scope="row">{bin.label}</th>
                <Share value={bin.reference} most={most} kind="reference" />
                <Share value={bin.live} most={most} kind="live" />
              </tr>
            ))}
        </tbody>
      </table>
    </section>
  );
}

function Share({ value, most, kind }: { value: number; most: number; kind: 'reference' | 'live' }) {
  const percent = value * 100;
  return (
    <td>
      <span className={`tb-bins__bar tb-bins__bar--${kind}`} style={{ width: `${(value / most) * 100}%` }} />
      <span className="tb-bins__share">{percent > 0 && percent < 1 ? '< 1' : Math.round(percent)}%</span>
    </td>
  );
}
