import { type Cell, type Notebook, type Output, sourceOf } from './notebook-file.ts';

export interface ComparableCell {
  readonly type: Cell['cell_type'];
  readonly source: string;
  readonly count?: number | null | undefined;
  readonly outputs?: readonly Output[];
}

export interface Comparable {
  readonly cells: readonly ComparableCell[];
  readonly language: unknown;
  readonly widgets: readonly string[];
}

/** What two executions of a notebook are compared by: outputs and counts, without times, ids, addresses and places. */
export function comparable(notebook: Notebook, directory: string): Comparable {
  const widgets = notebook.metadata.widgets as Record<string, { state?: object }> | undefined;
  const states = Object.values(widgets ?? {}).flatMap(({ state }) => Object.values(state ?? {}));
  const value = {
    cells: notebook.cells.map(cellOf),
    language: notebook.metadata.language_info,
    widgets: states,
  };
  const text = JSON.stringify(value)
    .replaceAll(directory, '/directory')
    .replaceAll(/(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/g, 'id')
    .replaceAll(/0x[0-9a-f]{6,}/g, '0xaddress')
    .replaceAll(/ipykernel_\d+\/\d+\.py/g, 'ipykernel_N/N.py')
    .replaceAll(/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?/g, 'time')
    .replaceAll(/_\d{6,}(?=[."])/g, '_number');
  const normal = JSON.parse(text) as { cells: ComparableCell[]; language: unknown; widgets: unknown[] };
  // Widgets are told apart by their ids alone, whose order says nothing.
  return { ...normal, widgets: normal.widgets.map((state) => JSON.stringify(state)).sort() };
}

function cellOf(cell: Cell): ComparableCell {
  return {
    type: cell.cell_type,
    source: sourceOf(cell),
    ...(cell.cell_type === 'code'
      ? { count: cell.execution_count, outputs: (cell.outputs ?? []).map(joined).reduce(merged, []) }
      : {}),
  };
}

const text = (value: unknown) =>
  Array.isArray(value) && value.every((line) => typeof line === 'string') ? value.join('') : value;

function joined(output: Output): Output {
  const data = Object.entries(output.data ?? {}).map(([type, value]) => [type, text(value)]);
  return {
    ...output,
    ...(output.text === undefined ? {} : { text: String(text(output.text)) }),
    ...(output.data ? { data: Object.fromEntries(data) } : {}),
  };
}

/** How streams are cut into messages, and which of two is first, is a matter of timing: the kernel flushes each by itself. */
function merged(outputs: Output[], output: Output): Output[] {
  if (output.output_type !== 'stream') return [...outputs, output];
  const start = outputs.findLastIndex(({ output_type: type }) => type !== 'stream') + 1;
  const streams = new Map(outputs.slice(start).map((stream) => [stream.name, stream]));
  const before = streams.get(output.name)?.text ?? '';
  streams.set(output.name, { ...output, text: `${before}${output.text}` });
  const sorted = [...streams.values()].sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1));
  return [...outputs.slice(0, start), ...sorted];
}
