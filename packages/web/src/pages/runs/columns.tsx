import type { RunSummary } from '@tagboat/render/run-summary';
import { Link } from '@tanstack/react-router';
import { Ago, type Column, Duration, Status } from '../../components/index.ts';

/** States that say it all. */
const untold: ReadonlySet<string> = new Set(['running', 'succeeded']);

const none = <span className="tb-quiet">–</span>;

export const columns: readonly Column<RunSummary>[] = [
  { title: 'State', width: '6.7rem', cell: ({ state }) => <Status status={state} /> },
  {
    title: 'Run',
    width: 'minmax(10rem, 4fr)',
    cell: (run) => (
      <>
        <Link
          to="/runs/$project/$run"
          params={{ project: run.project, run: run.name }}
          className="tb-run-name"
        >
          {run.name}
        </Link>
        {!untold.has(run.state) && run.message && (
          <span className="tb-run-message" title={run.message}>
            {run.message}
          </span>
        )}
      </>
    ),
  },
  {
    title: 'Model',
    width: 'minmax(4.8rem, 0.9fr)',
    cell: ({ project, model }) =>
      model ? (
        <Link to="/models/$project/$model" params={{ project, model }}>
          {model}
        </Link>
      ) : (
        none
      ),
  },
  { title: 'Kind', width: '4.4rem', cell: ({ kind }) => kind ?? none },
  {
    title: 'Ref',
    width: 'minmax(4.2rem, 0.8fr)',
    cell: ({ tag, commit }) => (
      <span className="tb-mono">
        {tag ?? ''}
        <span className="tb-run-message">{commit?.slice(0, 7) ?? ''}</span>
      </span>
    ),
  },
  { title: 'By', width: 'minmax(3.8rem, 0.8fr)', cell: ({ by }) => by ?? none },
  { title: 'Started', width: '5rem', cell: ({ started, created }) => <Ago at={started ?? created} /> },
  {
    title: 'Duration',
    width: '4.6rem',
    align: 'right',
    cell: ({ started, completed }) => <Duration from={started} to={completed} />,
  },
];
