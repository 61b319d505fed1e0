import { autocompletion, type CompletionContext, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import {
  bracketMatching,
  foldGutter,
  HighlightStyle,
  indentUnit,
  syntaxHighlighting,
} from '@codemirror/language';
import { linter, lintGutter, lintKeymap } from '@codemirror/lint';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import { type Names, suggestionsAt } from './complete.ts';
import { problemsOf } from './problems.ts';
import './editor.css';

export interface EditorProps {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly names: Names;
  /** A place to bring into sight: an offset into the text. */
  readonly show?: { readonly at: number } | undefined;
  readonly readOnly?: boolean;
}

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], class: 'tb-yaml-key' },
  { tag: [tags.string, tags.content], class: 'tb-yaml-text' },
  { tag: tags.comment, class: 'tb-yaml-comment' },
  { tag: [tags.keyword, tags.bool, tags.number, tags.atom], class: 'tb-yaml-value' },
  { tag: [tags.punctuation, tags.separator], class: 'tb-yaml-mark' },
]);

/** A YAML editor that knows Tekton: completes fields and names, and shows at the line what is wrong. */
export function YamlEditor({ text, onChange, names, show, readOnly = false }: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const current = useRef({ onChange, names });
  current.current = { onChange, names };
  // biome-ignore lint/correctness/useExhaustiveDependencies: made once; later texts are given to it below
  useEffect(() => {
    const editor = new EditorView({
      parent: host.current!,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(),
          foldGutter(),
          lintGutter(),
          history(),
          drawSelection(),
          bracketMatching(),
          highlightActiveLine(),
          highlightSelectionMatches(),
          indentUnit.of('  '),
          yaml(),
          syntaxHighlighting(colours),
          new Compartment().of(EditorState.readOnly.of(readOnly)),
          autocompletion({ override: [(context) => complete(context, current.current.names)] }),
          linter(({ state }) => problemsOf(state.doc.toString()), { delay: 250 }),
          keymap.of([
            ...defaultKeymap,
            ...historyKeymap,
            ...searchKeymap,
            ...completionKeymap,
            ...lintKeymap,
            indentWithTab,
          ]),
          EditorView.contentAttributes.of({ 'aria-label': 'Pipeline as YAML', tabindex: '0' }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) current.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => editor.destroy();
  }, []);
  useEffect(() => {
    const editor = view.current;
    const now = editor?.state.doc.toString();
    if (!editor || now === undefined || now === text) return;
    editor.dispatch({ changes: difference(now, text) });
  }, [text]);
  useEffect(() => {
    const editor = view.current;
    if (!editor || !show) return;
    const anchor = Math.min(show.at, editor.state.doc.length);
    editor.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
  }, [show]);
  return <div className="tb-editor" ref={host} />;
}

function complete(context: CompletionContext, names: Names) {
  const word = context.matchBefore(/[\w./-]*/);
  if (!context.explicit && (!word || word.from === word.to)) return null;
  const options = suggestionsAt(context.state.doc.toString(), context.pos, names).map(
    ({ label, detail, insert }) => ({ label, apply: insert, info: detail || undefined }) as { label: string },
  );
  return options.length === 0 ? null : { from: word?.from ?? context.pos, options };
}

/** The one stretch in which two texts differ, so that the cursor and the history stay where they are. */
function difference(before: string, after: string): { from: number; to: number; insert: string } {
  let from = 0;
  const most = Math.min(before.length, after.length);
  while (from < most && before[from] === after[from]) from++;
  let same = 0;
  while (same < most - from && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  return { from, to: before.length - same, insert: after.slice(from, after.length - same) };
}
