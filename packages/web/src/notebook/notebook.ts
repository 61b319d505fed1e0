import { invalid } from '@tagboat/base';

/** One output of a cell (nbformat 4). */
export interface Output {
  readonly output_type: string;
  readonly name?: string;
  readonly text?: string | readonly string[];
  readonly data?: Readonly<Record<string, unknown>>;
  readonly ename?: string;
  readonly evalue?: string;
  readonly traceback?: readonly string[];
}

export interface Cell {
  readonly cell_type: 'code' | 'markdown' | 'raw';
  readonly id?: string;
  readonly source: string | readonly string[];
  readonly metadata?: { readonly tags?: readonly string[] };
  readonly outputs?: readonly Output[];
  readonly execution_count?: number | null;
}

export interface Notebook {
  readonly cells: readonly Cell[];
  readonly metadata?: {
    readonly kernelspec?: { readonly language?: string; readonly display_name?: string };
    readonly language_info?: { readonly name?: string };
  };
}

/** Text that a notebook may hold as a list of lines. */
export const textOf = (text: unknown): string =>
  Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : '';

export const languageOf = ({ metadata }: Notebook): string =>
  metadata?.language_info?.name ?? metadata?.kernelspec?.language ?? 'python';

/** @throws `Invalid` for what is no notebook of format 4 */
export function readNotebook(text: string): Notebook {
  let value: (Partial<Notebook> & { nbformat?: number }) | null;
  try {
    value = JSON.parse(text) as Notebook;
  } catch (error) {
    throw invalid(`this is no notebook: ${(error as Error).message}`);
  }
  if (value?.nbformat !== 4 || !Array.isArray(value.cells))
    throw invalid(`expected a notebook of format 4, found ${value?.nbformat ?? 'something else'}`);
  return value as Notebook;
}

export interface Picture {
  readonly source: string;
  readonly alt: string;
}

const pictureTypes = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/svg+xml'];

/** The picture of an output; as an image's source its scripts cannot run, SVG included. */
export function pictureOf({ data = {} }: Output): Picture | undefined {
  const type = pictureTypes.find((candidate) => data[candidate] !== undefined);
  if (!type) return undefined;
  const content = textOf(data[type]);
  const source =
    type === 'image/svg+xml'
      ? `data:image/svg+xml;charset=utf-8,${encodeURIComponent(content)}`
      : `data:${type};base64,${content.replace(/\s/g, '')}`;
  return { source, alt: textOf(data['text/plain']) || 'Picture made by this cell' };
}

/** The text of an output, with ANSI colours; empty where it is a picture or HTML alone. */
export function plainTextOf(output: Output): string {
  if (output.output_type === 'stream') return textOf(output.text);
  if (output.output_type === 'error')
    return output.traceback?.join('\n') ?? `${output.ename}: ${output.evalue}`;
  return textOf(output.data?.['text/plain']);
}
