export { CellFailed } from './cell-failed.ts';
export {
  checkNotebook,
  compareRuns,
  type Finding,
  importedModules,
  type NotebookFacts,
  stringsOf,
} from './check.ts';
export { comparable } from './comparable.ts';
export {
  type ExecuteOptions,
  executeNotebook,
  type NotebookEvent,
  type NotebookResult,
} from './execute.ts';
export { kernelDirectories } from './kernelspecs.ts';
export {
  type Cell,
  hasTag,
  type Notebook,
  type Output,
  parseNotebook,
  serialiseNotebook,
  sourceOf,
} from './notebook-file.ts';
export { declaredParameters, injectParameters, languageOf } from './parameters.ts';
export { defaultLimits, type OutputLimits } from './spill.ts';
