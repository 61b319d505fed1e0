import { Button, Label } from '@patternfly/react-core';
import { useState } from 'react';
import { Ago, type DataColumn, DataTable, Empty, Failed, Loading, To } from '../../components/index.ts';
import { DiffView, patchLines } from '../../content/diff-view.tsx';
import { Message } from '../../content/message.tsx';
import { type GitCommit, type RepositoryName, readMessage, useCommit, useCommits } from '../../data/git.ts';
import { type Application, hostedAt, ownerOf } from './application.ts';

/** The commits that changed this application, and what each released. */
export function History({ application }: { application: Application }) {
  const { source } = application.spec!;
  const hosted = hostedAt(source.repoURL);
  if (!hosted) return <Synced application={application} />;
  return <Commits application={application} repository={hosted} />;
}

/** Where the repository is elsewhere, only what was applied is known. */
function Synced({ application }: { application: Application }) {
  const history = [...(application.status?.history ?? [])].reverse();
  if (history.length === 0) return <Empty title="Nothing was applied yet" />;
  return (
    <DataTable
      label="History"
      columns={[
        {
          title: 'Revision',
          cell: ({ revision }) => <span className="tb-mono">{revision.slice(0, 10)}</span>,
        },
        { title: 'Applied', cell: ({ deployedAt }) => <Ago at={deployedAt} /> },
      ]}
      rows={history}
      keyOf={({ id }) => String(id)}
    />
  );
}

function Commits({ application, repository }: { application: Application; repository: RepositoryName }) {
  const { source } = application.spec!;
  const commits = useCommits(repository, source.targetRevision ?? 'main', source.path);
  const [open, setOpen] = useState<string>();
  const owner = ownerOf(application);
  if (commits.error) return <Failed error={commits.error} retry={() => void commits.refetch()} />;
  if (!commits.data) return <Loading />;
  const rows = commits.data.pages.flat();
  if (rows.length === 0) return <Empty title="No commit yet">The first release is the first commit.</Empty>;
  const applied = new Map(
    (application.status?.history ?? []).map(({ revision, deployedAt }) => [revision, deployedAt]),
  );
  const columns: DataColumn<GitCommit>[] = [
    {
      title: 'Commit',
      cell: ({ sha }) => (
        <Button
          variant="link"
          isInline
          className="tb-mono"
          onClick={() => setOpen(sha === open ? undefined : sha)}
        >
          {sha.slice(0, 10)}
        </Button>
      ),
    },
    { title: 'What', grows: true, cell: ({ commit }) => readMessage(commit.message).subject },
    {
      title: 'Run',
      cell: ({ commit }) => {
        const run = readMessage(commit.message).trailers['Tagboat-Run'];
        return run && owner ? <To page={`/runs/${owner.project}/${run}`}>{run}</To> : '';
      },
    },
    { title: 'By', cell: ({ commit }) => commit.author.name },
    { title: 'When', cell: ({ created }) => <Ago at={created} /> },
    {
      title: 'Applied',
      cell: ({ sha }) =>
        applied.has(sha) ? (
          <Label isCompact color="green">
            <Ago at={applied.get(sha)} />
          </Label>
        ) : (
          ''
        ),
    },
  ];
  return (
    <div className="tb-stack">
      <DataTable
        label="Commits"
        columns={columns}
        rows={rows}
        keyOf={({ sha }) => sha}
        isSelected={({ sha }) => sha === open}
      />
      {commits.hasNextPage && (
        <Button
          variant="link"
          isLoading={commits.isFetchingNextPage}
          onClick={() => void commits.fetchNextPage()}
        >
          Older commits
        </Button>
      )}
      {open && <CommitFiles repository={repository} sha={open} />}
    </div>
  );
}

function CommitFiles({ repository, sha }: { repository: RepositoryName; sha: string }) {
  const commit = useCommit(repository, sha);
  if (commit.error) return <Failed error={commit.error} />;
  if (!commit.data) return <Loading rows={3} />;
  return (
    <section className="tb-panel tb-stack" aria-label={`Commit ${sha.slice(0, 10)}`}>
      <Message text={commit.data.commit.message.trim()} />
      {(commit.data.files ?? []).map(({ filename, patch }) => (
        <section key={filename} aria-label={filename}>
          <h3 className="tb-file-name">{filename}</h3>
          <DiffView lines={patchLines(patch ?? '')} language="yaml" label={`Changes of ${filename}`} />
        </section>
      ))}
    </section>
  );
}
