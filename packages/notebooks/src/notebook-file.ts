import { invalid, TagboatError } from '@tagboat/base';

export interface Output {
  output_type: 'stream' | 'display_data' | 'execute_result' | 'error';
  name?: string;
  text?: string | string[];
  data?: Record<string, unknown>;
  metadata?: Record<string, unknown>;
  execution_count?: number | null;
  ename?: string;
  evalue?: string;
  traceback?: string[];
}

export interface Cell {
  cell_type: 'code' | 'markdown' | 'raw';
  id?: string;
  source: string | string[];
  metadata: Record<string, unknown> & { tags?: string[] };
  outputs?: Output[];
  execution_count?: number | null;
}

export interface Notebook {
  cells: Cell[];
  metadata: Record<string, unknown> & {
    kernelspec?: { name?: string; language?: string; display_name?: string };
    language_info?: { name?: string };
  };
  nbformat: number;
  nbformat_minor: number;
}

export const sourceOf = (cell: Cell) => (Array.isArray(cell.source) ? cell.source.join('') : cell.source);
export const hasTag = (cell: Cell, tag: string) => cell.metadata.tags?.includes(tag) ?? false;

/**
 * Reads a notebook (nbformat 4).
 * @throws `Invalid` that names the file and, where it is one, the cell
 */
export function parseNotebook(text: string, file: string): Notebook {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(`${file} is not a notebook: ${(cause as Error).message}`, { location: { file }, cause });
  }
  const notebook = value as Partial<Notebook>;
  if (notebook === null || typeof notebook !== 'object' || typeof notebook.nbformat !== 'number')
    throw invalid(`${file} is not a notebook: expected nbformat, found none`, { location: { file } });
  if (notebook.nbformat !== 4)
    throw invalid(`${file}: expected a notebook of format 4, found ${notebook.nbformat}`, {
      location: { file },
      hint: 'convert it: jupyter nbconvert --to notebook --nbformat 4',
    });
  if (!Array.isArray(notebook.cells))
    throw invalid(`${file}: expected a list of cells, found none`, { location: { file } });
  const metadata = notebook.metadata ?? {};
  const cells = notebook.cells.map((cell, index) => checkedCell(cell, index, file));
  return {
    ...notebook,
    cells,
    metadata,
    nbformat: 4,
    nbformat_minor: notebook.nbformat_minor ?? 4,
  } as Notebook;
}

function checkedCell(cell: Cell, index: number, file: string): Cell {
  const source = cell?.source;
  const isText =
    typeof source === 'string' || (Array.isArray(source) && source.every((line) => typeof line === 'string'));
  if (!['code', 'markdown', 'raw'].includes(cell?.cell_type) || !isText)
    throw new TagboatError(`${file}: cell ${index + 1} is not a cell of a notebook`, {
      reason: 'Invalid',
      retryable: false,
      location: { file },
    });
  return { ...cell, metadata: cell.metadata ?? {} };
}

/** The notebook as Jupyter writes it: one space of indent, a line end at the end. */
export function serialiseNotebook(notebook: Notebook): string {
  return `${JSON.stringify(notebook, undefined, 1)}\n`;
}
