export { PlatformProcess, type PlatformProcessOptions } from './platform-process.ts';
export { tinyProject, WorkingCopy } from './project.ts';
export { failures, finishedRun, reasonOf, resultsOf, serving, until } from './waits.ts';
