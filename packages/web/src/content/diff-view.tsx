import { diffLines } from 'diff';
import { type ReactNode, useMemo } from 'react';
import { highlighted } from './code.tsx';
import './content.css';
import './diff.css';

export interface DiffLine {
  readonly kind: 'same' | 'added' | 'removed' | 'gap';
  readonly text: string;
  readonly before?: number;
  readonly after?: number;
}

const contextLines = 3;

/** The lines of two texts beside the changes; longer equal parts are folded away. Pure. */
export function diffOf(before: string, after: string, context = contextLines): DiffLine[] {
  const lines: DiffLine[] = [];
  let [left, right] = [1, 1];
  for (const part of diffLines(before, after)) {
    const texts = part.value.replace(/\n$/, '').split('\n');
    for (const text of texts) {
      if (part.added) lines.push({ kind: 'added', text, after: right++ });
      else if (part.removed) lines.push({ kind: 'removed', text, before: left++ });
      else lines.push({ kind: 'same', text, before: left++, after: right++ });
    }
  }
  return folded(lines, context);
}

function folded(lines: readonly DiffLine[], context: number): DiffLine[] {
  const near = new Set<number>();
  for (const [index, { kind }] of lines.entries())
    if (kind !== 'same') for (let at = index - context; at <= index + context; at++) near.add(at);
  const result: DiffLine[] = [];
  let hidden = 0;
  for (const [index, line] of lines.entries()) {
    if (near.has(index)) {
      if (hidden > 0) result.push(gap(hidden));
      hidden = 0;
      result.push(line);
    } else hidden++;
  }
  if (hidden > 0 && result.length > 0) result.push(gap(hidden));
  return result;
}

const gap = (count: number): DiffLine => ({
  kind: 'gap',
  text: `${count} equal ${count === 1 ? 'line' : 'lines'}`,
});

/** The lines of a unified patch, as git gives it. */
export function patchLines(patch: string): DiffLine[] {
  const lines: DiffLine[] = [];
  let [left, right] = [0, 0];
  for (const line of patch.replace(/\n$/, '').split('\n')) {
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$/.exec(line);
    if (hunk) {
      [left, right] = [Number(hunk[1]), Number(hunk[2])];
      lines.push({ kind: 'gap', text: `line ${right}${hunk[3] ? ` ${hunk[3].trim()}` : ''}` });
    } else if (line.startsWith('+')) lines.push({ kind: 'added', text: line.slice(1), after: right++ });
    else if (line.startsWith('-')) lines.push({ kind: 'removed', text: line.slice(1), before: left++ });
    else if (line.startsWith(' '))
      lines.push({ kind: 'same', text: line.slice(1), before: left++, after: right++ });
  }
  return lines;
}

const signs = { same: ' ', added: '+', removed: '−', gap: '' } as const;
const names = { same: '', added: 'added: ', removed: 'removed: ', gap: '' } as const;

export interface DiffViewProps {
  readonly lines: readonly DiffLine[];
  readonly language?: string | undefined;
  readonly label: string;
}

/** Lines that were added and removed. */
export function DiffView({ lines, language, label }: DiffViewProps) {
  const coloured = useMemo(
    () => highlighted(lines.map(({ text }) => text.replaceAll('\n', ' ')).join('\n'), language),
    [lines, language],
  );
  if (lines.length === 0) return <p className="tb-quiet">Nothing differs.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <div className="tb-diff" role="region" aria-label={label} tabIndex={0}>
      <table>
        <tbody>
          {lines.map((line, index) => (
            <Line key={`${line.before}-${line.after}-${index}`} line={line} content={coloured[index] ?? []} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Line({ line, content }: { line: DiffLine; content: ReactNode[] }) {
  const { kind, text, before, after } = line;
  if (kind === 'gap')
    return (
      <tr className="tb-diff__gap">
        <td colSpan={4}>{text}</td>
      </tr>
    );
  return (
    <tr className={`tb-diff__${kind}`}>
      <td className="tb-diff__number">{before}</td>
      <td className="tb-diff__number">{after}</td>
      <td className="tb-diff__sign" aria-hidden="true">
        {signs[kind]}
      </td>
      <td className="tb-diff__text">
        <span className="pf-v6-screen-reader">{names[kind]}</span>
        {content}
      </td>
    </tr>
  );
}
