import { type Highlighter, highlightCode, tagHighlighter, tags } from '@lezer/highlight';
import { parser as javascript } from '@lezer/javascript';
import { parser as json } from '@lezer/json';
import type { LRParser } from '@lezer/lr';
import { parser as python } from '@lezer/python';
import { parser as yaml } from '@lezer/yaml';
import { type ReactNode, useMemo } from 'react';

const parsers: Readonly<Record<string, LRParser>> = {
  python,
  py: python,
  json,
  ipynb: json,
  yaml,
  yml: yaml,
  js: javascript,
  mjs: javascript,
  ts: javascript.configure({ dialect: 'ts' }),
};

const highlighter: Highlighter = tagHighlighter([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword, tags.controlKeyword], class: 'tb-code-keyword' },
  { tag: [tags.string, tags.special(tags.string)], class: 'tb-code-string' },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], class: 'tb-code-number' },
  { tag: tags.comment, class: 'tb-code-comment' },
  { tag: [tags.propertyName, tags.attributeName, tags.definition(tags.propertyName)], class: 'tb-code-name' },
  { tag: [tags.function(tags.variableName), tags.definition(tags.variableName)], class: 'tb-code-function' },
]);

/** Longer texts are shown as they are: colouring them would take too long. */
const mostColoured = 200_000;

/** Lines of code, coloured where the language (or a file's ending) is known. */
export function highlighted(text: string, language: string | undefined): ReactNode[][] {
  const parser = parsers[(language ?? '').toLowerCase()];
  if (!parser || text.length > mostColoured) return text.split('\n').map((line) => [line]);
  const lines: ReactNode[][] = [[]];
  highlightCode(
    text,
    parser.parse(text),
    highlighter,
    (part, classes) => {
      const line = lines.at(-1)!;
      line.push(
        classes ? (
          <span key={line.length} className={classes}>
            {part}
          </span>
        ) : (
          part
        ),
      );
    },
    () => lines.push([]),
  );
  return lines;
}

export interface CodeProps {
  readonly text: string;
  readonly language?: string | undefined;
  readonly numbers?: boolean;
  readonly label?: string;
}

/** A block of code. */
export function Code({ text, language, numbers, label = 'Code' }: CodeProps) {
  const lines = useMemo(() => highlighted(text.replace(/\n$/, ''), language), [text, language]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <pre
      className={`tb-code${numbers ? ' tb-code--numbers' : ''}`}
      tabIndex={0}
      aria-label={label}
      role="region"
    >
      <code>
        {lines.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place
          <span className="tb-code__line" key={index}>
            {line}
            {'\n'}
          </span>
        ))}
      </code>
    </pre>
  );
}
