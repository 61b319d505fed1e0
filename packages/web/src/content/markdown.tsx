import { useMemo } from 'react';
import { type Links, markdownHtml } from './safe-html.ts';
import './content.css';

/** Text in Markdown, from anybody: nothing in it runs. */
export function Markdown({ text, links }: { text: string; links?: Links }) {
  const html = useMemo(() => markdownHtml(text, links), [text, links]);
  // biome-ignore lint/security/noDangerouslySetInnerHtml: sanitized above
  return <div className="tb-markdown" dangerouslySetInnerHTML={{ __html: html }} />;
}
