export { StepContext } from './context.ts';
export { declaredFiles } from './declared-files.ts';
export { judge, type Metrics, readMetrics } from './gates.ts';
export { lockFileName, readLockFile } from './lock-file.ts';
export { missingModules, type NotebookOutcome, type NotebookTask, prepareNotebook } from './notebook-run.ts';
export { runStep } from './run-step.ts';
