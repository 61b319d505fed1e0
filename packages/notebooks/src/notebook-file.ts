import { invalid, shortHash, TagboatError } from '@tagboat/base';

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
export const hasTag = ({ metadata: { tags } }: Cell, tag: string) =>
  Array.isArray(tags) && tags.includes(tag);

/** Whether a run executes a cell: empty ones and those tagged `skip-execution` keep what they show. */
export const runs = (cell: Cell): boolean =>
  cell.cell_type === 'code' && sourceOf(cell).trim() !== '' && !hasTag(cell, 'skip-execution');

/**
 * Reads a notebook (nbformat 4).
 * @throws `Invalid` that names the file and, where it is one, the cell
 */
export function parseNotebook(text: string, file: string): Notebook {
  if (text.trim() === '') throw invalid('expected a notebook, found an empty file', { location: { file } });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(`expected a notebook, found no JSON: ${(cause as Error).message}`, {
      location: { file },
      cause,
    });
  }
  const notebook = value as Partial<Notebook>;
  if (notebook === null || typeof notebook !== 'object' || typeof notebook.nbformat !== 'number')
    throw invalid('expected a notebook, found JSON without "nbformat"', { location: { file } });
  if (notebook.nbformat !== 4)
    throw invalid(`expected a notebook of format 4, found ${notebook.nbformat}`, {
      location: { file },
      hint: `convert it: jupyter nbconvert --to notebook --nbformat 4 --inplace ${file}`,
    });
  if (!Array.isArray(notebook.cells))
    throw invalid('expected a list of cells, found none', { location: { file } });
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
    throw new TagboatError(`cell ${index + 1} is not a cell of a notebook`, {
      reason: 'Invalid',
      retryable: false,
      location: { file },
    });
  return { ...cell, metadata: cell.metadata ?? {} };
}

/**
 * The notebook as of format 4.5, in which a kernelspec has its names and every cell has an id; those that are added follow from the cell's place and
 * source, so that the same notebook always gets the same ones.
 */
export function upgraded(notebook: Notebook): Notebook {
  const used = new Set<string>();
  const cells = notebook.cells.map((cell, index) => {
    const own = typeof cell.id === 'string' && /^[\w-]{1,64}$/.test(cell.id) && !used.has(cell.id);
    const id = own ? cell.id! : shortHash([String(index), sourceOf(cell)]);
    used.add(id);
    return { ...cell, id };
  });
  const { kernelspec } = notebook.metadata;
  const metadata = kernelspec
    ? { ...notebook.metadata, kernelspec: complete(kernelspec) }
    : notebook.metadata;
  return { ...notebook, cells, metadata, nbformat_minor: Math.max(5, notebook.nbformat_minor) };
}

/** The format wants a kernelspec's name and display name; what wrote the notebook may have left them out. */
function complete(kernelspec: NonNullable<Notebook['metadata']['kernelspec']>): typeof kernelspec {
  const language = kernelspec.language ?? 'python';
  const name = kernelspec.name ?? (language === 'python' ? 'python3' : language);
  return { ...kernelspec, name, display_name: kernelspec.display_name ?? name };
}

/**
 * The notebook as Jupyter writes it (nbformat `v4/rwbase.py`): texts as lists of lines, keys sorted, one space of indent,
 * so that a line of a diff is a line of a cell.
 */
export function serialiseNotebook(notebook: Notebook): string {
  const cells = notebook.cells.map((cell) => ({
    ...cell,
    source: lines(cell.source),
    ...(cell.outputs ? { outputs: cell.outputs.map(splitOutput) } : {}),
  }));
  return `${JSON.stringify(sorted({ ...notebook, cells }), undefined, 1)}\n`;
}

const lines = (text: string | string[]): string[] =>
  Array.isArray(text) ? text : (text.match(/[^\n]*\n|[^\n]+$/g) ?? []);

const isJson = (type: string) => /^application\/(.*\+)?json$/.test(type);

function splitOutput(output: Output): Output {
  if (output.output_type === 'stream') return { ...output, text: lines(output.text ?? '') };
  if (!output.data) return output;
  const data = Object.entries(output.data).map(([type, value]) => [
    type,
    typeof value === 'string' && !isJson(type) ? lines(value) : value,
  ]);
  return { ...output, data: Object.fromEntries(data) };
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]),
  );
}
