import type { RunSummary } from '@tagboat/render/run-summary';
import { Link } from '@tanstack/react-router';
import { Ago, type Column, Duration, Status } from '../../components/index.ts';

const none = <span className="tb-quiet">–</span>;

export const columns: readonly Column<RunSummary>[] = [
  { title: 'State', width: '8.5rem', cell: ({ state }) => <Status status={state} /> },
  {
    title: 'Run',
    width: 'minmax(14rem, 2.4fr)',
    cell: (run) => (
      <>
        <Link
          to="/runs/$project/$run"
          params={{ project: run.project, run: run.name }}
          className="tb-run-name"
        >
          {run.name}
        </Link>
        {run.state === 'failed' && run.message && (
          <span className="tb-run-message" title={run.message}>
            {run.message}
          </span>
        )}
      </>
    ),
  },
  {
    title: 'Model',
    width: 'minmax(7rem, 1fr)',
    cell: ({ project, model }) =>
      model ? (
        <Link to="/models/$project/$model" params={{ project, model }}>
          {model}
        </Link>
      ) : (
        none
      ),
  },
  { title: 'Kind', width: '6rem', cell: ({ kind }) => kind ?? none },
  {
    title: 'Tag',
    width: 'minmax(6rem, 0.8fr)',
    cell: ({ tag }) => (tag ? <span className="tb-mono">{tag}</span> : none),
  },
  {
    title: 'Commit',
    width: '5.5rem',
    cell: ({ commit }) => (commit ? <span className="tb-mono">{commit.slice(0, 7)}</span> : none),
  },
  { title: 'By', width: 'minmax(5rem, 0.8fr)', cell: ({ by }) => by ?? none },
  { title: 'Started', width: '6rem', cell: ({ started, created }) => <Ago at={started ?? created} /> },
  {
    title: 'Duration',
    width: '5.5rem',
    align: 'right',
    cell: ({ started, completed }) => <Duration from={started} to={completed} />,
  },
];
