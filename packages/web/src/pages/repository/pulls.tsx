import { kinds, type PullRequest } from '@tagboat/api';
import { useSearch } from '@tanstack/react-router';
import {
  Ago,
  Command,
  type DataColumn,
  DataTable,
  Empty,
  Gate,
  Status,
  type StatusName,
  To,
} from '../../components/index.ts';
import { useList } from '../../data/use-list.ts';
import { useRepository } from './context.ts';
import { PullDetail } from './pull-detail.tsx';

export const pullStates = { open: 'info', merged: 'succeeded', closed: 'cancelled' } as const;
export const checkStates: Readonly<Record<string, StatusName>> = {
  success: 'succeeded',
  failure: 'failed',
  error: 'failed',
  pending: 'running',
  warning: 'warning',
};

/** Proposed changes of this repository, or the one that the address names. */
export function Pulls() {
  const { repository, object } = useRepository();
  const search: { pull?: string } = useSearch({ strict: false });
  const list = useList<PullRequest>(kinds.PullRequest, { namespace: repository.project });
  const pulls = list.items
    .filter(({ spec }) => spec?.repository === repository.name)
    .sort((a, b) => b.spec!.number - a.spec!.number);
  const chosen = pulls.find(({ spec }) => String(spec!.number) === search.pull);
  return (
    <Gate
      of={[
        list,
        ...(search.pull && list.status === 'ready' && !chosen ? [{ status: 'missing' as const }] : []),
      ]}
    >
      {() =>
        chosen ? (
          <PullDetail pull={chosen} />
        ) : pulls.length === 0 ? (
          <Empty
            title="Nothing is proposed"
            actions={<Command text={`git push ${object.status?.url ?? 'tagboat'} HEAD:refs/for/main`} />}
          >
            A change is proposed by a push, and merged when its checks pass:
          </Empty>
        ) : (
          <PullTable pulls={pulls} />
        )
      }
    </Gate>
  );
}

function PullTable({ pulls }: { pulls: readonly PullRequest[] }) {
  const { page } = useRepository();
  const columns: DataColumn<PullRequest>[] = [
    { title: '#', align: 'right', cell: ({ spec }) => spec!.number },
    {
      title: 'Title',
      grows: true,
      cell: ({ spec }) => <To page={page({ tab: 'pulls', pull: String(spec!.number) })}>{spec!.title}</To>,
    },
    { title: 'State', cell: ({ spec }) => <Status status={pullStates[spec!.state]}>{spec!.state}</Status> },
    {
      title: 'Checks',
      cell: ({ status }) => (
        <span className="tb-run-states">
          {(status?.checks ?? []).map(({ context, state }) => (
            <Status key={context} status={checkStates[state] ?? 'unknown'}>
              {context}
            </Status>
          ))}
        </span>
      ),
    },
    { title: 'Into', cell: ({ spec }) => spec!.targetBranch },
    { title: 'By', cell: ({ spec }) => spec!.author },
    { title: 'Opened', cell: ({ metadata }) => <Ago at={metadata.creationTimestamp} /> },
  ];
  return (
    <DataTable label="Pull requests" columns={columns} rows={pulls} keyOf={({ metadata }) => metadata.name} />
  );
}
