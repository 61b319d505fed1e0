export {
  CellFailed,
  type ExecuteOptions,
  executeNotebook,
  type NotebookEvent,
  type NotebookResult,
} from './execute.ts';
export { type Cell, type Notebook, type Output, parseNotebook } from './notebook-file.ts';
export { declaredParameters, injectParameters, languageOf } from './parameters.ts';
