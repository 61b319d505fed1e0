import { useQuery } from '@tanstack/react-query';
import { type ExecTarget, execText } from '../../data/exec.ts';
import { type Notebook, type Output, readNotebook, textOf } from '../../notebook/notebook.ts';

/** The step saves the notebook this often at most (milliseconds); what is read a little later has what was printed before. */
const saveInterval = 500;

/**
 * The notebook as far as it is executed, with pictures and tables: read in the step's own container each time that
 * `changes` tells of something new, which its log does.
 */
export function useExecutedSoFar(
  target: ExecTarget | undefined,
  { path, changes }: { readonly path: string; readonly changes: number },
): Notebook | undefined {
  const name = path.split('/').at(-1)!;
  const file = useQuery<Notebook>({
    queryKey: ['executed', target, name, changes],
    enabled: target !== undefined && changes > 0,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
    placeholderData: (previous) => previous,
    queryFn: async ({ signal }) => {
      await new Promise((resolve) => setTimeout(resolve, saveInterval + 200));
      signal.throwIfAborted();
      const read = ['sh', '-c', 'cat "$TAGBOAT_WORKSPACE/out/notebooks/$0"', name];
      return readNotebook(await execText(target!, read, signal));
    },
  });
  return file.data;
}

const isRich = ({ data }: Output): boolean => Object.keys(data ?? {}).some((type) => type !== 'text/plain');

/**
 * Puts the outputs that are saved in place of what the log tells of them, which is text alone. The cell that runs keeps
 * its text, which is newer, unless it has shown something that text cannot.
 */
export function withSavedOutputs(
  view: { readonly notebook: Notebook; readonly running: number | undefined },
  saved: Notebook | undefined,
): Notebook {
  if (!saved) return view.notebook;
  let from = 0;
  const cells = view.notebook.cells.map((cell, index) => {
    if (cell.cell_type !== 'code') return cell;
    const at = saved.cells.findIndex(
      (other, place) => place >= from && textOf(other.source) === textOf(cell.source),
    );
    if (at < 0) return cell;
    from = at + 1;
    const outputs = saved.cells[at]!.outputs ?? [];
    const newer = index === view.running && !outputs.some(isRich);
    return outputs.length === 0 || newer ? cell : { ...cell, outputs };
  });
  return { ...view.notebook, cells };
}
