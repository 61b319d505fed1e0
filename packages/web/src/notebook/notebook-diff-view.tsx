import { Label } from '@patternfly/react-core';
import { useMemo, useState } from 'react';
import { Code } from '../content/code.tsx';
import { DiffView, diffOf } from '../content/diff-view.tsx';
import { Markdown } from '../content/markdown.tsx';
import { type Cell, languageOf, type Notebook, textOf } from './notebook.ts';
import { type CellChange, diffNotebooks } from './notebook-diff.ts';
import { OutputView } from './notebook-view.tsx';
import './notebook.css';

/** Two versions of a notebook: which cells changed, in what, and their outputs side by side. */
export function NotebookDiffView({ before, after }: { before: Notebook; after: Notebook }) {
  const changes = useMemo(() => diffNotebooks(before, after), [before, after]);
  const [all, setAll] = useState(false);
  const shown = all ? changes : changes.filter(({ kind }) => kind !== 'same');
  const hidden = changes.length - shown.length;
  const language = languageOf(after);
  return (
    <section className="tb-notebook" aria-label="Changes of the notebook">
      {shown.length === 0 && (
        <p className="tb-quiet">No cell changed; only what is not shown, such as execution counts.</p>
      )}
      {shown.map((change, index) => (
        <ChangedCell key={`${change.kind}-${change.number}-${index}`} change={change} language={language} />
      ))}
      {(hidden > 0 || all) && (
        <button type="button" className="tb-equivalent" onClick={() => setAll(!all)}>
          {all
            ? 'Hide cells that are the same'
            : `Show ${hidden} ${hidden === 1 ? 'cell that is' : 'cells that are'} the same`}
        </button>
      )}
    </section>
  );
}

const colours = { same: 'grey', added: 'green', removed: 'red', changed: 'blue' } as const;

function ChangedCell({ change, language }: { change: CellChange; language: string }) {
  const { kind, number, before, after, source, outputs } = change;
  const what =
    kind !== 'changed'
      ? kind
      : source && outputs
        ? 'source and outputs changed'
        : source
          ? 'source changed'
          : 'outputs changed';
  return (
    <article className={`tb-cell-change tb-cell-change--${kind}`} aria-label={`Cell ${number}, ${what}`}>
      <div className="tb-cell-change__head">
        <span className="tb-quiet">Cell {number}</span>
        <Label isCompact color={colours[kind]}>
          {what}
        </Label>
      </div>
      {before && after ? (
        <>
          <Source before={before} after={after} changed={source} language={language} />
          {outputs && (
            <div className="tb-cell-change__sides">
              <Outputs cell={before} title="Before" />
              <Outputs cell={after} title="After" />
            </div>
          )}
        </>
      ) : (
        <Whole cell={(after ?? before)!} language={language} />
      )}
    </article>
  );
}

function Source({
  before,
  after,
  changed,
  language,
}: {
  before: Cell;
  after: Cell;
  changed: boolean;
  language: string;
}) {
  const code = after.cell_type === 'code' ? language : undefined;
  if (!changed) return <Code text={textOf(after.source)} language={code} label="Source" />;
  return (
    <DiffView
      lines={diffOf(textOf(before.source), textOf(after.source))}
      language={code}
      label="Changes of the source"
    />
  );
}

function Outputs({ cell, title }: { cell: Cell; title: string }) {
  return (
    <div className="tb-cell__content">
      <h4 className="tb-quiet tb-small">{title}</h4>
      {(cell.outputs ?? []).length === 0 && <p className="tb-quiet">No output.</p>}
      {(cell.outputs ?? []).map((output, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an output is its place
        <OutputView key={index} output={output} />
      ))}
    </div>
  );
}

function Whole({ cell, language }: { cell: Cell; language: string }) {
  if (cell.cell_type === 'markdown') return <Markdown text={textOf(cell.source)} />;
  return (
    <div className="tb-cell__content">
      <Code text={textOf(cell.source)} language={language} label="Source" />
      {(cell.outputs ?? []).map((output, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an output is its place
        <OutputView key={index} output={output} />
      ))}
    </div>
  );
}
