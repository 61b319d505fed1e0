import { Button } from '@patternfly/react-core';
import { useSearch } from '@tanstack/react-router';
import {
  Ago,
  Command,
  type DataColumn,
  DataTable,
  Failed,
  Loading,
  Status,
  To,
} from '../../components/index.ts';
import { Message } from '../../content/message.tsx';
import { type GitCommit, useCommit, useCommits } from '../../data/git.ts';
import { ChangedFiles } from './changed-files.tsx';
import { useRepository } from './context.ts';
import { RefSelect } from './index.tsx';
import { RunStates } from './run-states.tsx';

/** The history of a ref, or the one commit that the address names. */
export function Commits() {
  const search: { commit?: string } = useSearch({ strict: false });
  return search.commit ? <OneCommit sha={search.commit} /> : <CommitList />;
}

function CommitList() {
  const { repository, ref, page } = useRepository();
  const commits = useCommits(repository, ref);
  if (commits.error) return <Failed error={commits.error} retry={() => void commits.refetch()} />;
  return (
    <div className="tb-stack">
      <div className="tb-repo-bar">
        <RefSelect label="Branch or tag" />
      </div>
      {commits.data ? <CommitTable commits={commits.data.pages.flat()} page={page} /> : <Loading />}
      {commits.hasNextPage && (
        <Button
          variant="link"
          isLoading={commits.isFetchingNextPage}
          onClick={() => void commits.fetchNextPage()}
        >
          Older commits
        </Button>
      )}
    </div>
  );
}

export function CommitTable({
  commits,
  page,
}: {
  commits: readonly GitCommit[];
  page: (search: Record<string, string>) => string;
}) {
  const columns: DataColumn<GitCommit>[] = [
    {
      title: 'Commit',
      cell: ({ sha }) => (
        <To page={page({ commit: sha })} className="tb-mono">
          {sha.slice(0, 10)}
        </To>
      ),
    },
    { title: 'Message', grows: true, cell: ({ commit }) => commit.message.split('\n')[0] },
    { title: 'Triggered', cell: ({ sha }) => <RunStates commit={sha} /> },
    { title: 'By', cell: ({ commit }) => commit.author.name },
    { title: 'When', cell: ({ created }) => <Ago at={created} /> },
  ];
  return <DataTable label="Commits" columns={columns} rows={commits} keyOf={({ sha }) => sha} />;
}

function OneCommit({ sha }: { sha: string }) {
  const { repository, runs, page } = useRepository();
  const found = useCommit(repository, sha);
  if (found.error) return <Failed error={found.error} />;
  if (!found.data) return <Loading />;
  const { commit, created, parents, files, stats } = found.data;
  const triggered = runs.get(found.data.sha) ?? [];
  return (
    <div className="tb-stack">
      <section className="tb-panel tb-stack" aria-label="Commit">
        <Message text={commit.message.trim()} />
        <div className="tb-row tb-row--between">
          <span className="tb-quiet">
            {commit.author.name} &lt;{commit.author.email}&gt;, <Ago at={created} />
            {parents.map((parent) => (
              <span key={parent.sha}>
                {' '}
                after <To page={page({ commit: parent.sha })}>{parent.sha.slice(0, 10)}</To>
              </span>
            ))}
          </span>
          <To page={page({ ref: found.data.sha })}>Files at this commit</To>
        </div>
        <Command text={`git show ${found.data.sha}`} />
      </section>
      <section className="tb-panel" aria-label="What it triggered">
        <h2>What it triggered</h2>
        {triggered.length === 0 ? (
          <p className="tb-quiet">
            No run: the commit is not the newest of a push, or nothing in it asks for one.
          </p>
        ) : (
          <ul className="tb-stack">
            {triggered.map(({ uid, project, name, state, kind, message }) => (
              <li key={uid} className="tb-row">
                <Status status={state}>{kind}</Status> <To page={`/runs/${project}/${name}`}>{name}</To>
                <span className="tb-quiet">{message}</span>
              </li>
            ))}
          </ul>
        )}
      </section>
      <h2 className="tb-heading">
        {files?.length ?? 0} files changed{' '}
        <span className="tb-quiet">
          +{stats?.additions ?? 0} −{stats?.deletions ?? 0}
        </span>
      </h2>
      <ChangedFiles repository={repository} files={files ?? []} />
    </div>
  );
}
