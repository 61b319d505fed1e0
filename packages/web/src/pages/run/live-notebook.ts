import { type Cell, type Notebook, type Output, textOf } from '../../notebook/notebook.ts';

const started = /^\[cell (\d+)\/(\d+)\] (.*)$/;
const done = /^done in /;
/** What stands in the log for a picture, a table or another object: its plain text. */
const shown = /^ {2}(<[\w .]+(?: |>)|.*\[\d+ rows x \d+ columns\])/;
/** Of one cell; the log has all of them. */
const mostLines = 500;

interface Begun {
  readonly index: number;
  readonly firstLine: string;
  readonly lines: string[];
}

/** Follows a notebook's execution by what its step logs, and shows it as a notebook: the cells so far with their text. */
export class LiveNotebook {
  readonly #source: Notebook;
  readonly #begun: Begun[] = [];
  /** Grows with whatever may have changed the saved notebook: a cell that begins, something that was shown. */
  #changes = 0;

  constructor(source: Notebook) {
    this.#source = source;
  }

  add(line: string): void {
    const match = started.exec(line);
    if (match) {
      this.#changes++;
      const [, index, , text] = match;
      if (!done.test(text!)) this.#begun.push({ index: Number(index), firstLine: text!, lines: [] });
      return;
    }
    if (!line.startsWith('  ')) return;
    const lines = this.#begun.at(-1)?.lines;
    if (!lines) return;
    if (shown.test(line)) this.#changes++;
    lines.push(line.slice(2));
    if (lines.length > mostLines) lines.splice(0, lines.length - mostLines, '…');
  }

  /** The notebook as far as it is known; `running` is the index of the cell that was begun last. */
  view(): { notebook: Notebook; running: number | undefined; changes: number } {
    const waiting = [...this.#begun];
    const cells: Cell[] = [];
    let running: number | undefined;
    const take = (begun: Begun, cell: Pick<Cell, 'cell_type' | 'source'>) => {
      if (begun === this.#begun.at(-1)) running = cells.length;
      cells.push({ ...cell, execution_count: begun.index, outputs: outputsOf(begun) });
    };
    for (const cell of this.#source.cells) {
      if (cell.cell_type !== 'code' || textOf(cell.source).trim() === '') {
        cells.push(cell);
        continue;
      }
      const at = waiting.findIndex(({ firstLine }) => firstLine === firstLineOf(cell));
      // What ran before this cell and is not in the file was put in, such as the parameters.
      for (const extra of at > 0 ? waiting.splice(0, at) : [])
        take(extra, { cell_type: 'code', source: `${extra.firstLine}\n# values of this run` });
      const begun = at >= 0 ? waiting.shift() : undefined;
      if (begun) take(begun, cell);
      else cells.push({ ...cell, outputs: [], execution_count: null });
    }
    return { notebook: { ...this.#source, cells }, running, changes: this.#changes };
  }
}

const firstLineOf = (cell: Cell): string =>
  textOf(cell.source)
    .split('\n')
    .map((line) => line.trim())
    .find(Boolean) ?? '';

const outputsOf = ({ lines }: Begun): Output[] =>
  lines.length === 0 ? [] : [{ output_type: 'stream', name: 'stdout', text: `${lines.join('\n')}\n` }];
