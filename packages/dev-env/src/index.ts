export { until } from '@tagboat/client';
export { openBrowser } from './browser.ts';
export { leftovers } from './leftovers.ts';
export { OutsideGit } from './outside-git.ts';
export { PlatformProcess, type PlatformProcessOptions } from './platform-process.ts';
export { tinyProject, WorkingCopy } from './project.ts';
export { failures, finishedRun, reasonOf, serving } from './waits.ts';
