import FileIcon from '@patternfly/react-icons/dist/esm/icons/file-icon';
import FolderIcon from '@patternfly/react-icons/dist/esm/icons/folder-icon';
import { useSearch } from '@tanstack/react-router';
import { Ago, type DataColumn, DataTable, Failed, Loading, To } from '../../components/index.ts';
import { bytes } from '../../data/bytes.ts';
import { type GitEntry, useCommits, useContents } from '../../data/git.ts';
import { useRepository } from './context.ts';
import { FileView } from './file-view.tsx';
import { RefSelect } from './index.tsx';
import { RunStates } from './run-states.tsx';

/** The directory or file that the address names, at the chosen ref. */
export function Files() {
  const { repository, ref } = useRepository();
  const search: { path?: string } = useSearch({ strict: false });
  const path = (search.path ?? '').replace(/^\/+|\/+$/g, '');
  const contents = useContents(repository, path, ref);
  return (
    <div className="tb-stack">
      <div className="tb-repo-bar">
        <RefSelect label="Branch or tag" />
        <Path path={path} />
      </div>
      {contents.error ? (
        <Failed error={contents.error} retry={() => void contents.refetch()} />
      ) : !contents.data ? (
        <Loading />
      ) : Array.isArray(contents.data) ? (
        <Directory entries={contents.data} path={path} />
      ) : (
        <FileView entry={contents.data} />
      )}
    </div>
  );
}

function Path({ path }: { path: string }) {
  const { repository, ref, page } = useRepository();
  const parts = path === '' ? [] : path.split('/');
  return (
    <nav className="tb-repo-path" aria-label="Path">
      <To page={page({ ref })}>{repository.name}</To>
      {parts.map((part, index) => {
        const until = parts.slice(0, index + 1).join('/');
        return (
          <span key={until}>
            / {index === parts.length - 1 ? part : <To page={page({ ref, path: until })}>{part}</To>}
          </span>
        );
      })}
    </nav>
  );
}

function Directory({ entries, path }: { entries: readonly GitEntry[]; path: string }) {
  const { ref, page } = useRepository();
  const sorted = [...entries].sort((a, b) =>
    (a.type === 'dir') === (b.type === 'dir') ? a.name.localeCompare(b.name) : a.type === 'dir' ? -1 : 1,
  );
  const readme = entries.find(
    ({ name, type }) => type === 'file' && /^readme(\.md|\.markdown|\.txt)?$/i.test(name),
  );
  const columns: DataColumn<GitEntry>[] = [
    {
      title: 'Name',
      grows: true,
      cell: ({ name, path: full, type }) => (
        <span className="tb-entry">
          {type === 'dir' ? <FolderIcon aria-label="Directory" /> : <FileIcon aria-label="File" />}
          <To page={page({ ref, path: full })}>{name}</To>
        </span>
      ),
    },
    { title: 'Size', align: 'right', cell: ({ type, size }) => (type === 'file' ? bytes(size) : '') },
  ];
  return (
    <>
      <LastCommit path={path} />
      <DataTable label="Files" columns={columns} rows={sorted} keyOf={({ path: full }) => full} />
      {readme && <Readme entry={readme} />}
    </>
  );
}

function LastCommit({ path }: { path: string }) {
  const { repository, ref, page } = useRepository();
  const commits = useCommits(repository, ref, path);
  const last = commits.data?.pages[0]?.[0];
  return (
    <p className="tb-row" style={{ minHeight: '1.75rem' }}>
      {last && (
        <>
          <RunStates commit={last.sha} />
          <span>{last.commit.message.split('\n')[0]}</span>
          <span className="tb-quiet">
            {last.commit.author.name}, <Ago at={last.created} />
          </span>
          <To page={page({ commit: last.sha })} className="tb-mono">
            {last.sha.slice(0, 10)}
          </To>
        </>
      )}
    </p>
  );
}

function Readme({ entry }: { entry: GitEntry }) {
  const { repository, ref } = useRepository();
  const contents = useContents(repository, entry.path, ref);
  if (!contents.data || Array.isArray(contents.data)) return null;
  return <FileView entry={contents.data} />;
}
