import type { RunSummary } from '@tagboat/render/run-summary';
import { Link } from '@tanstack/react-router';
import { Ago, Duration, type Fact, Facts } from '../../components/index.ts';

/** What the ref of a run is, where it is no tag. */
const refWords: Readonly<Record<string, string>> = { check: 'Branch', pull: 'Pull request' };

/** What a run is about, on one line. */
export function RunFacts({ summary }: { summary: RunSummary }) {
  const { project, model, repository, tag, commit, kind, by, started, completed, created } = summary;
  const facts: readonly Fact[] = [
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
    [refWords[kind ?? ''] ?? 'Tag', tag && <span className="tb-mono">{tag}</span>],
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
  return <Facts facts={facts} arranged="line" />;
}
