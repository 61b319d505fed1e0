import { numberText } from '../model/model-data.ts';
import type { Metric } from './results-model.ts';

const format = (value: number | null) => (value === null ? 'not a number' : numberText(value));

/** Metrics, beside those of something else where there are some. */
export function MetricsTable({ metrics, beforeTitle }: { metrics: readonly Metric[]; beforeTitle: string }) {
  const compared = metrics.some(({ before }) => before !== undefined);
  return (
    <table className="tb-plain tb-plain--numbers">
      <thead>
        <tr>
          <th scope="col">Metric</th>
          <th scope="col">This run</th>
          {compared && <th scope="col">{beforeTitle}</th>}
          {compared && <th scope="col">Change</th>}
        </tr>
      </thead>
      <tbody>
        {metrics.map(({ name, value, before }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{format(value)}</td>
            {compared && <td>{before === undefined ? '–' : format(before)}</td>}
            {compared && <td>{changeText(value, before)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function changeText(value: number | null, before: number | null | undefined): string {
  if (value === null || before === null || before === undefined) return '–';
  const change = value - before;
  if (change === 0) return 'same';
  const part =
    before === 0 ? '' : ` (${change > 0 ? '+' : ''}${((change / Math.abs(before)) * 100).toFixed(1)}%)`;
  return `${change > 0 ? '+' : '−'}${format(Math.abs(change))}${part}`;
}
