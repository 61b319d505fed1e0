import { Label, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { useMemo, useState } from 'react';
import { Failed, Loading } from '../../components/index.ts';
import { DiffView, patchLines } from '../../content/diff-view.tsx';
import { type ChangedFile, type RepositoryName, useBlobText } from '../../data/git.ts';
import { type Notebook, NotebookDiffView, readNotebook } from '../../notebook/index.ts';

const mostOpen = 30;

/** Files that changed: notebooks cell by cell, others line by line. */
export function ChangedFiles({
  repository,
  files,
}: {
  repository: RepositoryName;
  files: readonly ChangedFile[];
}) {
  const [all, setAll] = useState(false);
  const shown = all ? files : files.slice(0, mostOpen);
  return (
    <div className="tb-stack">
      {shown.map((file) => (
        <FileChange key={file.filename} repository={repository} file={file} />
      ))}
      {shown.length < files.length && (
        <button type="button" className="tb-equivalent" onClick={() => setAll(true)}>
          Show {files.length - shown.length} more files
        </button>
      )}
    </div>
  );
}

const colours: Readonly<Record<string, 'green' | 'red' | 'blue'>> = {
  added: 'green',
  removed: 'red',
  deleted: 'red',
};

function FileChange({ repository, file }: { repository: RepositoryName; file: ChangedFile }) {
  const { filename, previous_filename: previous, status, additions, deletions, binary, patch } = file;
  const notebook = filename.endsWith('.ipynb');
  const [source, setSource] = useState(false);
  return (
    <article className="tb-file" aria-label={filename}>
      <div className="tb-file__head">
        <span className="tb-mono">
          {previous && previous !== filename ? `${previous} → ${filename}` : filename}
        </span>
        <span className="tb-row">
          {notebook && (
            <ToggleGroup aria-label="How to show the change" isCompact>
              <ToggleGroupItem
                text="Cells"
                buttonId={`cells-${filename}`}
                isSelected={!source}
                onChange={() => setSource(false)}
              />
              <ToggleGroupItem
                text="Source"
                buttonId={`lines-${filename}`}
                isSelected={source}
                onChange={() => setSource(true)}
              />
            </ToggleGroup>
          )}
          <span className="tb-quiet tb-number">
            +{additions} −{deletions}
          </span>
          <Label isCompact color={colours[status] ?? 'blue'}>
            {status}
          </Label>
        </span>
      </div>
      <div className="tb-file__body">
        {notebook && !source ? (
          <NotebookChange repository={repository} file={file} />
        ) : binary ? (
          <p className="tb-quiet">Not text.</p>
        ) : patch === undefined ? (
          <p className="tb-quiet">The change is too large to show here.</p>
        ) : (
          <DiffView
            lines={patchLines(patch)}
            language={filename.split('.').at(-1)}
            label={`Changes of ${filename}`}
          />
        )}
      </div>
    </article>
  );
}

const nothing: Notebook = { cells: [] };

function NotebookChange({ repository, file }: { repository: RepositoryName; file: ChangedFile }) {
  const before = useBlobText(repository, file.previous_sha);
  const after = useBlobText(repository, file.sha);
  const read = useMemo(() => {
    try {
      return {
        before: before.data ? readNotebook(before.data) : nothing,
        after: after.data ? readNotebook(after.data) : nothing,
      };
    } catch (error) {
      return { problem: (error as Error).message };
    }
  }, [before.data, after.data]);
  const error = before.error ?? after.error;
  if (error) return <Failed error={error} />;
  if (before.isLoading || after.isLoading) return <Loading rows={3} />;
  if (!read.before) return <p className="tb-quiet">Cannot be compared by cells: {read.problem}</p>;
  return <NotebookDiffView before={read.before} after={read.after} />;
}
