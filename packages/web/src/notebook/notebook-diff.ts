import { diffArrays } from 'diff';
import { type Cell, type Notebook, type Output, pictureOf, plainTextOf, textOf } from './notebook.ts';

export interface CellChange {
  readonly kind: 'same' | 'added' | 'removed' | 'changed';
  readonly before?: Cell;
  readonly after?: Cell;
  /** Position in the newer notebook, else in the older one, counted from 1. */
  readonly number: number;
  readonly source: boolean;
  readonly outputs: boolean;
}

/** Cells side by side: paired by their ids, by equal source, and then by how much of their source is the same. Pure. */
export function diffNotebooks(before: Notebook, after: Notebook): CellChange[] {
  const changes: CellChange[] = [];
  let [left, right] = [0, 0];
  let removed: Cell[] = [];
  const flush = (added: Cell[]) => {
    changes.push(...paired(removed, added, { left: left - removed.length, right: right - added.length }));
    removed = [];
  };
  for (const part of diffArrays([...before.cells], [...after.cells], { comparator: isSameCell })) {
    if (part.removed) {
      removed.push(...part.value);
      left += part.value.length;
    } else if (part.added) {
      right += part.value.length;
      flush(part.value);
    } else {
      flush([]);
      for (let index = 0; index < part.value.length; index++)
        changes.push(compared(before.cells[left++]!, after.cells[right++]!, right));
    }
  }
  flush([]);
  return changes;
}

const isSameCell = (a: Cell, b: Cell): boolean =>
  a.cell_type === b.cell_type &&
  ((a.id !== undefined && a.id === b.id) || textOf(a.source) === textOf(b.source));

/** What was removed and what was added in one place: alike ones are one changed cell. */
function paired(
  removed: readonly Cell[],
  added: readonly Cell[],
  from: { left: number; right: number },
): CellChange[] {
  const changes: CellChange[] = [];
  const left = removed.map((cell, index) => ({ cell, number: from.left + index + 1 }));
  for (const [index, cell] of added.entries()) {
    const number = from.right + index + 1;
    const partner = left.findIndex(
      (other) => other.cell.cell_type === cell.cell_type && similarity(other.cell, cell) >= 0.4,
    );
    if (partner < 0) {
      changes.push({ kind: 'added', after: cell, number, source: true, outputs: true });
      continue;
    }
    for (const gone of left.splice(0, partner)) changes.push(removal(gone));
    changes.push(compared(left.shift()!.cell, cell, number));
  }
  return [...changes, ...left.map(removal)];
}

const removal = ({ cell, number }: { cell: Cell; number: number }): CellChange => ({
  kind: 'removed',
  before: cell,
  number,
  source: true,
  outputs: true,
});

function compared(before: Cell, after: Cell, number: number): CellChange {
  const source = textOf(before.source) !== textOf(after.source);
  const outputs = outputsKey(before.outputs) !== outputsKey(after.outputs);
  return { kind: source || outputs ? 'changed' : 'same', before, after, number, source, outputs };
}

/** What is seen of outputs, without execution counts and other things that change with every run. */
const outputsKey = (outputs: readonly Output[] | undefined) =>
  JSON.stringify(
    (outputs ?? []).map((output) => [
      pictureOf(output)?.source,
      plainTextOf(output),
      output.data?.['text/html'],
    ]),
  );

/** The share of lines that two cells have in common, from 0 to 1. */
function similarity(a: Cell, b: Cell): number {
  const lines = (cell: Cell) =>
    textOf(cell.source)
      .split('\n')
      .filter((line) => line.trim() !== '');
  const [left, right] = [lines(a), lines(b)];
  const known = new Set(left);
  const common = right.filter((line) => known.has(line)).length;
  return (2 * common) / Math.max(1, left.length + right.length);
}
