export { type Cell, type Notebook, type Output, readNotebook } from './notebook.ts';
export { CellView, NotebookView, OutputView } from './notebook-view.tsx';
