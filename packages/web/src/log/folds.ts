/** Lines that belong together under a heading line. Both ends inclusive, from 1. */
export interface Section {
  readonly heading: number;
  /** Absent while it still grows. */
  readonly end?: number;
}

/** What every line that begins or ends a section has in it, and how long it is at most. */
export const sectionMark = /\[cell |::group::|::endgroup::/;
export const sectionMarkLength = '::endgroup::'.length;

const cell = /^\[cell (\d+)\/\d+\] (?!done in )/;

/** Finds sections as lines come: a notebook's cells, and `::group::` with `::endgroup::`. */
export class SectionFinder {
  readonly sections: Section[] = [];
  #open: number | undefined;

  add(number: number, text: string): void {
    if (text.startsWith('::endgroup::')) this.#close(number);
    else if (text.startsWith('::group::')) this.#begin(number);
    else if (text.startsWith('[') && cell.test(text)) this.#begin(number);
  }

  #begin(heading: number): void {
    if (this.#open !== undefined) this.#close(heading - 1);
    this.#open = heading;
    this.sections.push({ heading });
  }

  #close(end: number): void {
    if (this.#open === undefined) return;
    this.#open = undefined;
    const last = this.sections.at(-1)!;
    if (end > last.heading) this.sections[this.sections.length - 1] = { heading: last.heading, end };
    else this.sections.pop();
  }
}

/** What can be seen of `total` lines while some sections are folded. Rows count from 0, lines from 1. */
export class VisibleLines {
  readonly #hidden: readonly { first: number; count: number }[];
  readonly total: number;

  constructor(lines: number, folded: readonly Required<Section>[]) {
    this.#hidden = folded
      .map(({ heading, end }) => ({ first: heading + 1, count: end - heading }))
      .sort((a, b) => a.first - b.first);
    this.total = lines - this.#hidden.reduce((sum, { count }) => sum + count, 0);
  }

  lineAt(row: number): number {
    let line = row + 1;
    for (const { first, count } of this.#hidden) {
      if (line < first) break;
      line += count;
    }
    return line;
  }

  /** The row of a line; of its section's heading where it is hidden. */
  rowOf(line: number): number {
    let before = 0;
    for (const { first, count } of this.#hidden) {
      if (line < first) break;
      if (line < first + count) return first - 2 - before;
      before += count;
    }
    return line - 1 - before;
  }
}
