export { type Cell, type Notebook, type Output, readNotebook } from './notebook.ts';
export { NotebookDiffView } from './notebook-diff-view.tsx';
export { CellView, NotebookView, OutputView } from './notebook-view.tsx';
