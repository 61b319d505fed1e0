import Anser from 'anser';
import { memo, type ReactNode } from 'react';

const limit = 20_000;

/** A line with its terminal colours, and the words that are searched for marked. What it contains is text and nothing else. */
export const AnsiText = memo(function AnsiText({ text, search }: { text: string; search: string }) {
  const shown = text.length > limit ? `${text.slice(0, limit)} …` : text;
  if (!shown.includes('\x1b')) return marked(shown, search);
  return Anser.ansiToJson(shown, { json: true, remove_empty: true, use_classes: true }).map(
    (piece, index) => (
      <span key={index} className={classesOf(piece.fg, piece.bg, piece.decorations)}>
        {marked(piece.content, search)}
      </span>
    ),
  );
});

function classesOf(fg: string | null, bg: string | null, decorations: readonly string[]): string {
  return [fg, bg && `${bg}-background`, ...decorations.map((name) => `ansi-${name}`)]
    .filter(Boolean)
    .join(' ');
}

function marked(text: string, search: string): ReactNode {
  if (!search) return text;
  const pieces: ReactNode[] = [];
  const lower = text.toLowerCase();
  const wanted = search.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, from)) {
    pieces.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>);
    from = at + wanted.length;
  }
  pieces.push(text.slice(from));
  return pieces;
}
