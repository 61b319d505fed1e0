import { FormSelect, FormSelectOption } from '@patternfly/react-core';
import type { RunSummary } from '@tagboat/render/run-summary';
import { Link, useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import { Duration, Empty, Gate, Loading, Status } from '../../components/index.ts';
import { useRuns } from '../../data/use-runs.ts';
import { MetricsTable } from './metrics-table.tsx';
import { compareMetrics, numbers, resultsByTask } from './results-model.ts';
import { type LoadedRun, useRun, useRunSearchParams } from './use-run.ts';

/** This run beside an earlier one: metrics, what was made, how long each task took, parameters. */
export function CompareRuns({ loaded }: { loaded: LoadedRun }) {
  const { summary } = loaded;
  const filter = useMemo(
    () => ({
      project: summary.project,
      ...(summary.model ? { model: summary.model } : {}),
      ...(summary.kind ? { kind: summary.kind } : {}),
    }),
    [summary.project, summary.model, summary.kind],
  );
  const { runs, status } = useRuns(filter);
  const search = useRunSearchParams();
  const navigate = useNavigate();
  const others = runs.filter(({ uid }) => uid !== summary.uid);
  const other = others.find(({ name }) => name === search.with) ?? previous(others, summary);
  if (status === 'loading') return <Loading />;
  if (!other)
    return (
      <Empty title="There is no other run to compare with">
        The next run of this kind can be compared with this one.
      </Empty>
    );
  return (
    <>
      <div className="tb-compare__with">
        <label htmlFor="compare-with">Compare with</label>
        <FormSelect
          id="compare-with"
          value={other.name}
          onChange={(_event, name) =>
            void navigate({ to: '.', search: { ...search, with: name }, replace: true })
          }
        >
          {others.map(({ uid, name, tag, state }) => (
            <FormSelectOption key={uid} value={name} label={`${tag ?? name} (${state}) ${name}`} />
          ))}
        </FormSelect>
        {other.commit && summary.commit && summary.repository && other.commit !== summary.commit && (
          <Link
            to="/projects/$project/$repository"
            params={{ project: summary.project, repository: summary.repository }}
            search={{ compare: `${other.commit}...${summary.commit}` }}
          >
            What changed in the files
          </Link>
        )}
      </div>
      <Comparison loaded={loaded} other={other} />
    </>
  );
}

/** The newest that is older than this one, preferably one that succeeded. */
export function previous(others: readonly RunSummary[], run: RunSummary): RunSummary | undefined {
  const older = others.filter(({ created }) => created <= run.created);
  return older.find(({ state }) => state === 'succeeded') ?? older[0] ?? others[0];
}

function Comparison({ loaded, other }: { loaded: LoadedRun; other: RunSummary }) {
  const { sources, loaded: before } = useRun({ project: other.project, run: other.name });
  if (!before) return <Gate of={sources}>{() => <Loading />}</Gate>;
  return <Side loaded={loaded} before={before} />;
}

function Side({ loaded, before }: { loaded: LoadedRun; before: LoadedRun }) {
  const now = resultsByTask(loaded.taskRuns);
  const then = resultsByTask(before.taskRuns);
  const metrics = compareMetrics(numbers(now.get('evaluate-metrics')), numbers(then.get('evaluate-metrics')));
  const before_ = new Map(before.nodes.map((node) => [node.name, node]));
  const digests = [
    'train-data',
    'environment-environment',
    'train-model-digest',
    'build-image-digest',
  ] as const;
  return (
    <div className="tb-columns">
      {metrics.length > 0 && (
        <section className="tb-panel">
          <h2>Metrics</h2>
          <MetricsTable metrics={metrics} beforeTitle={before.summary.tag ?? 'Before'} />
        </section>
      )}
      <section className="tb-panel">
        <h2>Tasks</h2>
        <table className="tb-plain">
          <thead>
            <tr>
              <th scope="col">Task</th>
              <th scope="col">This run</th>
              <th scope="col">{before.summary.tag ?? 'Before'}</th>
            </tr>
          </thead>
          <tbody>
            {loaded.nodes.map((node) => {
              const other = before_.get(node.name);
              return (
                <tr key={node.name}>
                  <th scope="row">{node.title}</th>
                  <td>
                    <Status status={node.status}>
                      <Duration from={node.started} to={node.completed} />
                    </Status>
                  </td>
                  <td>
                    {other ? (
                      <Status status={other.status}>
                        <Duration from={other.started} to={other.completed} />
                      </Status>
                    ) : (
                      '–'
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
      <section className="tb-panel">
        <h2>Ingredients</h2>
        <table className="tb-plain">
          <tbody>
            <Same name="Commit" now={loaded.summary.commit} then={before.summary.commit} />
            {digests.map((name) => (
              <Same key={name} name={ingredients[name]} now={now.get(name)} then={then.get(name)} />
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}

const ingredients = {
  'train-data': 'Data',
  'environment-environment': 'Python environment',
  'train-model-digest': 'Model',
  'build-image-digest': 'Image',
} as const;

function Same({ name, now, then }: { name: string; now: string | undefined; then: string | undefined }) {
  if (!now && !then) return null;
  const short = (text: string | undefined) => text?.replace(/.*sha256:/, '').slice(0, 10) ?? '–';
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{now === then ? 'the same' : 'changed'}</td>
      <td className="tb-mono">{now === then ? short(now) : `${short(then)} → ${short(now)}`}</td>
    </tr>
  );
}
