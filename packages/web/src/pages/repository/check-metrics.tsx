import { numberText } from '../model/model-data.ts';

export interface CheckedMetric {
  readonly name: string;
  readonly value: number;
  readonly target: number | undefined;
}

/** The metrics that a model's check reports: `error 0.2 (main 0.3), ...`; undefined where it says something else. */
export function metricsIn(description: string, targetBranch: string): CheckedMetric[] | undefined {
  const parts = description.split(', ').map((part) => {
    const match = /^([\w./-]+) (-?[\d.]+(?:e[+-]?\d+)?)(?: \((.+) (-?[\d.]+(?:e[+-]?\d+)?)\))?$/i.exec(part);
    if (!match || (match[3] !== undefined && match[3] !== targetBranch)) return undefined;
    const target = match[4] === undefined ? undefined : Number(match[4]);
    return { name: match[1]!, value: Number(match[2]), target };
  });
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

/** What a check says: its metrics beside the target branch's where it reports some, else its words. */
export function CheckSays({ description, targetBranch }: { description: string; targetBranch: string }) {
  const metrics = metricsIn(description, targetBranch);
  if (!metrics) return <span className="tb-quiet">{description}</span>;
  return (
    <table className="tb-metrics" aria-label={`Metrics beside those of ${targetBranch}`}>
      <thead>
        <tr>
          <th scope="col">Metric</th>
          <th scope="col">{targetBranch}</th>
          <th scope="col">This change</th>
          <th scope="col">Difference</th>
        </tr>
      </thead>
      <tbody>
        {metrics.map(({ name, value, target }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{target === undefined ? 'none' : numberText(target)}</td>
            <td>{numberText(value)}</td>
            <td>{target === undefined || target === value ? '' : signed(value - target)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const signed = (difference: number) =>
  `${difference > 0 ? '+' : '\u2212'}${numberText(Math.abs(difference))}`;
