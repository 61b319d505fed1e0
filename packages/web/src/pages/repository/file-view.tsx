import { ToggleGroup, ToggleGroupItem } from '@patternfly/react-core';
import { useMemo, useState } from 'react';
import { Ago, Empty } from '../../components/index.ts';
import { Code } from '../../content/code.tsx';
import { Markdown } from '../../content/markdown.tsx';
import type { Links } from '../../content/safe-html.ts';
import { bytes } from '../../data/bytes.ts';
import { type GitEntry, rawUrl, textOfBase64 } from '../../data/git.ts';
import { NotebookView, readNotebook } from '../../notebook/index.ts';
import { type RepositoryContext, useRepository } from './context.ts';

const mostText = 2_000_000;
/** What is drawn of a notebook is mostly pictures. */
const mostNotebook = 10_000_000;

/** One file: a notebook cell by cell, Markdown as text, a picture, or code. */
export function FileView({ entry }: { entry: GitEntry }) {
  const context = useRepository();
  const { repository, ref = '' } = context;
  const [source, setSource] = useState(false);
  const rendered = /\.(ipynb|md|markdown)$/i.test(entry.name);
  return (
    <article className="tb-file" aria-label={entry.name}>
      <div className="tb-file__head">
        <span>
          <strong>{entry.name}</strong>{' '}
          <span className="tb-quiet">
            {bytes(entry.size)}
            {entry.last_committer_date && (
              <>
                , changed <Ago at={entry.last_committer_date} />
              </>
            )}
          </span>
        </span>
        <span className="tb-row">
          {rendered && (
            <ToggleGroup aria-label="How to show it" isCompact>
              <ToggleGroupItem
                text="Rendered"
                buttonId={`rendered-${entry.sha}`}
                isSelected={!source}
                onChange={() => setSource(false)}
              />
              <ToggleGroupItem
                text="Source"
                buttonId={`source-${entry.sha}`}
                isSelected={source}
                onChange={() => setSource(true)}
              />
            </ToggleGroup>
          )}
          <a href={rawUrl(repository, entry.path, ref)} target="_blank" rel="noopener noreferrer">
            Raw
          </a>
        </span>
      </div>
      <div className="tb-file__body">
        <Content entry={entry} context={context} source={source} />
      </div>
    </article>
  );
}

function Content({
  entry,
  context,
  source,
}: {
  entry: GitEntry;
  context: RepositoryContext;
  source: boolean;
}) {
  const text = useMemo(
    () =>
      entry.content !== null && entry.size <= (isNotebook(entry) && !source ? mostNotebook : mostText)
        ? textOfBase64(entry.content)
        : undefined,
    [entry, source],
  );
  const links = useMemo(() => linksFrom(entry.path, context), [entry.path, context]);
  const { repository, ref = '' } = context;
  if (/\.(png|jpe?g|gif|webp|svg)$/i.test(entry.name))
    return <img className="tb-file__picture" src={rawUrl(repository, entry.path, ref)} alt={entry.name} />;
  if (text === undefined)
    return <Empty title="Too large to show">It has {bytes(entry.size)}; "Raw" downloads it.</Empty>;
  if (text.includes('\0')) return <Empty title="Not text">"Raw" downloads it.</Empty>;
  if (!source && isNotebook(entry)) return <NotebookFile text={text} links={links} />;
  if (!source && /\.(md|markdown)$/i.test(entry.name)) return <Markdown text={text} links={links} />;
  return <Code text={text} language={entry.name.split('.').at(-1)} numbers label={entry.name} />;
}

const isNotebook = ({ name }: GitEntry) => /\.ipynb$/i.test(name);

function NotebookFile({ text, links }: { text: string; links: Links }) {
  const read = useMemo(() => {
    try {
      return { notebook: readNotebook(text) };
    } catch (error) {
      return { problem: (error as Error).message };
    }
  }, [text]);
  if (!read.notebook) return <Empty title="This notebook cannot be shown">{read.problem}</Empty>;
  return <NotebookView notebook={read.notebook} links={links} />;
}

/** Relative links of a file lead to files of the same ref. */
function linksFrom(path: string, { repository, ref = '', page }: RepositoryContext): Links {
  const resolve = (relative: string) =>
    decodeURIComponent(new URL(relative, `http://repository/${path}`).pathname.slice(1));
  return {
    file: (relative) => rawUrl(repository, resolve(relative), ref),
    page: (relative) => page({ ref, path: resolve(relative) }),
  };
}
