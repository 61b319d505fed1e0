import { memo } from 'react';
import { Code } from '../content/code.tsx';
import { Markdown } from '../content/markdown.tsx';
import { ansiHtml, type Links } from '../content/safe-html.ts';
import { Sandboxed } from '../content/sandboxed.tsx';
import {
  type Cell,
  languageOf,
  type Notebook,
  type Output,
  pictureOf,
  plainTextOf,
  textOf,
} from './notebook.ts';
import './notebook.css';

export interface NotebookViewProps {
  readonly notebook: Notebook;
  readonly links?: Links;
  /** Index of a cell that runs now. */
  readonly running?: number | undefined;
}

/** A notebook cell by cell, with its outputs. Nothing of it runs here. */
export function NotebookView({ notebook, links, running }: NotebookViewProps) {
  const language = languageOf(notebook);
  return (
    <section className="tb-notebook" aria-label="Notebook">
      {notebook.cells.map((cell, index) => (
        <CellView
          key={cell.id ?? index}
          cell={cell}
          index={index}
          language={language}
          running={running === index}
          {...(links ? { links } : {})}
        />
      ))}
    </section>
  );
}

export interface CellViewProps {
  readonly cell: Cell;
  readonly index: number;
  readonly language: string;
  readonly links?: Links;
  readonly running?: boolean;
}

export const CellView = memo(function CellView({ cell, index, language, links, running }: CellViewProps) {
  const source = textOf(cell.source);
  if (cell.cell_type === 'markdown')
    return (
      <div className="tb-cell" id={`cell-${index + 1}`}>
        <span className="tb-cell__count" />
        <Markdown text={source} {...(links ? { links } : {})} />
      </div>
    );
  const failed = cell.outputs?.some(({ output_type: type }) => type === 'error');
  const state = running ? ' tb-cell--running' : failed ? ' tb-cell--failed' : '';
  return (
    <div className={`tb-cell${state}`} id={`cell-${index + 1}`}>
      <span className="tb-cell__count" aria-hidden="true">
        {cell.cell_type === 'code' ? `[${running ? '*' : (cell.execution_count ?? ' ')}]` : ''}
      </span>
      <div className="tb-cell__content">
        {source !== '' && (
          <Code
            text={source}
            language={cell.cell_type === 'code' ? language : undefined}
            label={`Cell ${index + 1}`}
          />
        )}
        {cell.outputs?.map((output, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: an output is its place
          <OutputView key={place} output={output} />
        ))}
      </div>
    </div>
  );
});

/** One output: a picture, a table, text with colours, or an error. */
export function OutputView({ output }: { output: Output }) {
  const picture = pictureOf(output);
  if (picture) return <img className="tb-output__picture" src={picture.source} alt={picture.alt} />;
  const html = textOf(output.data?.['text/html']);
  if (html) return <Sandboxed html={html} title="Output of this cell" />;
  const markdown = textOf(output.data?.['text/markdown']);
  if (markdown) return <Markdown text={markdown} />;
  const text = plainTextOf(output);
  const kind = output.output_type === 'error' ? 'error' : output.name === 'stderr' ? 'stderr' : 'text';
  return (
    <pre
      className={`tb-output tb-output--${kind}`}
      // biome-ignore lint/security/noDangerouslySetInnerHtml: the converter escapes what is no colour
      dangerouslySetInnerHTML={{ __html: ansiHtml(text) }}
    />
  );
}
