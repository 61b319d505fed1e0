import { Button } from '@patternfly/react-core';
import { type HandledRef, kinds } from '@tagboat/api';
import {
  Ago,
  Command,
  type DataColumn,
  DataTable,
  Empty,
  Failed,
  Loading,
  To,
} from '../../components/index.ts';
import { useBranches, useTags } from '../../data/git.ts';
import { useList } from '../../data/use-list.ts';
import { useRepository } from './context.ts';
import { RunStates } from './run-states.tsx';

interface Row {
  readonly name: string;
  readonly commit: string;
  readonly message: string;
  readonly when: string;
  readonly full: string;
}

/** Tags or branches, and what was done about each. */
export function Refs({ kind }: { kind: 'tags' | 'branches' }) {
  return kind === 'tags' ? <Tags /> : <Branches />;
}

function Tags() {
  const { repository } = useRepository();
  const tags = useTags(repository);
  if (tags.error) return <Failed error={tags.error} retry={() => void tags.refetch()} />;
  if (!tags.data) return <Loading />;
  const rows = tags.data.pages.flat().map(({ name, message, commit }) => ({
    name,
    message: message.split('\n')[0] ?? '',
    commit: commit.sha,
    when: commit.created,
    full: `refs/tags/${name}`,
  }));
  if (rows.length === 0)
    return (
      <Empty title="No tag yet" actions={<Command text="git tag v0.1.0 && git push tagboat v0.1.0" />}>
        A tag is what releases a model:
      </Empty>
    );
  return <RefTable label="Tags" rows={rows} more={tags} />;
}

function Branches() {
  const { repository } = useRepository();
  const branches = useBranches(repository);
  if (branches.error) return <Failed error={branches.error} retry={() => void branches.refetch()} />;
  if (!branches.data) return <Loading />;
  const rows = branches.data.pages.flat().map(({ name, commit }) => ({
    name,
    message: commit.message.split('\n')[0] ?? '',
    commit: commit.id,
    when: commit.timestamp,
    full: `refs/heads/${name}`,
  }));
  return <RefTable label="Branches" rows={rows} more={branches} />;
}

interface RefTableProps {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly more: ReturnType<typeof useTags> | ReturnType<typeof useBranches>;
}

function RefTable({ label, rows, more }: RefTableProps) {
  const { repository, defaultBranch, page } = useRepository();
  const handled = useList<HandledRef>(kinds.HandledRef, { namespace: repository.project });
  const reasons = new Map(
    handled.items
      .filter(({ spec }) => spec?.repository === repository.name)
      .map(({ spec }) => [`${spec!.ref} ${spec!.commit}`, spec!.reason ?? '']),
  );
  const columns: DataColumn<Row>[] = [
    {
      title: label === 'Tags' ? 'Tag' : 'Branch',
      cell: ({ name }) => <To page={page({ ref: name })}>{name}</To>,
    },
    {
      title: 'Commit',
      cell: ({ commit }) => (
        <To page={page({ commit })} className="tb-mono">
          {commit.slice(0, 10)}
        </To>
      ),
    },
    ...(rows.some(({ message }) => message)
      ? [{ title: 'Message', grows: true, cell: ({ message }: Row) => message }]
      : []),
    {
      title: 'Triggered',
      cell: ({ commit, full }) => (
        <span className="tb-row">
          <RunStates commit={commit} />
          <span className="tb-quiet">{reasons.get(`${full} ${commit}`)}</span>
        </span>
      ),
    },
    { title: 'When', cell: ({ when }) => <Ago at={when} /> },
    {
      title: 'Compare',
      cell: ({ name }) =>
        name === defaultBranch ? (
          ''
        ) : (
          <To page={page({ tab: 'compare', base: name, head: defaultBranch })}>with {defaultBranch}</To>
        ),
    },
  ];
  return (
    <div className="tb-stack">
      <DataTable label={label} columns={columns} rows={rows} keyOf={({ full }) => full} />
      {more.hasNextPage && (
        <Button
          variant="secondary"
          isLoading={more.isFetchingNextPage}
          onClick={() => void more.fetchNextPage()}
        >
          Show older {label.toLowerCase()}
        </Button>
      )}
    </div>
  );
}
