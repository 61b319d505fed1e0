import { Empty, Equivalent } from '../../components/index.ts';
import { useAbout } from '../../data/about.ts';
import { MetricsTable } from './metrics-table.tsx';
import { outcomeOf, resultsByTask } from './results-model.ts';
import type { LoadedRun } from './use-run.ts';

/** What stands for a result that is too large for an object, in words. */
const largeResult = (value: string) => {
  const digest = /^tagboat-result:\/\/(sha256:[0-9a-f]{64})$/.exec(value)?.[1];
  return digest && <span className="tb-quiet">too large to be shown; tasks get all of {digest}</span>;
};

/** Metrics and gates, what was made, and every other result. */
export function Results({ loaded }: { loaded: LoadedRun }) {
  const { summary, taskRuns } = loaded;
  const outcome = outcomeOf(resultsByTask(taskRuns), { project: summary.project, model: summary.model });
  const { verdict, metrics, artifacts, others } = outcome;
  const registry = useAbout()?.registry ?? location.host;
  if (metrics.length + artifacts.length + others.length === 0)
    return <Empty title="There are no results yet">They appear as the tasks end.</Empty>;
  return (
    <div className="tb-columns">
      {metrics.length > 0 && (
        <section className="tb-panel">
          <h2>Metrics</h2>
          <MetricsTable metrics={metrics} beforeTitle="Deployed" />
          {verdict && <p className="tb-verdict tb-gap">{verdict}</p>}
        </section>
      )}
      {artifacts.length > 0 && (
        <section className="tb-panel">
          <h2>Artifacts</h2>
          {artifacts.map(({ what, digest, repository }) => (
            <div key={what} className="tb-artifact">
              <strong>{what}</strong>
              <span className="tb-mono tb-wrap">{digest}</span>
              {repository && (
                <Equivalent
                  text={`${what === 'Image' ? 'docker' : 'oras'} pull ${registry}/${repository}@${digest}`}
                />
              )}
            </div>
          ))}
        </section>
      )}
      {others.length > 0 && (
        <section className="tb-panel">
          <h2>Other results</h2>
          <table className="tb-plain">
            <tbody>
              {others.map(({ name, value }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td className="tb-mono tb-wrap">{largeResult(value) ?? value}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
  );
}
