import { useAbout } from '../../data/about.ts';
import { Empty, Equivalent } from '../../components/index.ts';
import { MetricsTable } from './metrics-table.tsx';
import { outcomeOf, resultsByTask } from './results-model.ts';
import type { LoadedRun } from './use-run.ts';

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
          <table className="tb-plain">
            <tbody>
              {artifacts.map(({ what, digest, repository }) => (
                <tr key={what}>
                  <th scope="row">{what}</th>
                  <td>
                    <span className="tb-mono" title={digest}>
                      {digest.slice(0, 19)}
                    </span>
                    {repository && (
                      <div>
                        <Equivalent
                          text={
                            what === 'Image'
                              ? `docker pull ${registry}/${repository}@${digest}`
                              : `oras pull ${registry}/${repository}@${digest}`
                          }
                        />
                      </div>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
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
                  <td className="tb-mono tb-wrap">{value}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
  );
}
