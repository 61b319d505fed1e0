import type { RunSummary } from '@tagboat/render/run-summary';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Ago, Duration } from '../../components/index.ts';

/** What a run is about, on one line. */
export function RunFacts({ summary }: { summary: RunSummary }) {
  const { project, model, repository, tag, commit, kind, by, started, completed, created } = summary;
  const facts: readonly [string, ReactNode][] = [
    [
      'Model',
      model && (
        <Link to="/models/$project/$model" params={{ project, model }}>
          {model}
        </Link>
      ),
    ],
    [
      'Repository',
      repository && (
        <Link to="/projects/$project/$repository" params={{ project, repository }}>
          {project}/{repository}
        </Link>
      ),
    ],
    ['Kind', kind],
    ['Tag', tag && <span className="tb-mono">{tag}</span>],
    [
      'Commit',
      commit && (
        <span className="tb-mono" title={commit}>
          {commit.slice(0, 10)}
        </span>
      ),
    ],
    ['By', by],
    ['Started', <Ago key="started" at={started ?? created} />],
    ['Duration', <Duration key="duration" from={started} to={completed} />],
  ];
  return (
    <dl className="tb-run-facts">
      {facts
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
