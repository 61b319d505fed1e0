export type { WorkbenchRequest } from './build-notebook.ts';
export { type GateOptions, isWorkbenchPath, WorkbenchGate } from './gate.ts';
export { openUrl, type WorkbenchRoutesOptions, workbenchRoutes } from './http.ts';
export { Passes } from './passes.ts';
export type { Profile } from './profiles.ts';
export type { FollowLog, ProgressEvent } from './progress.ts';
export { type WorkbenchOptions, workbenchController } from './workbench-controller.ts';
export { WorkbenchTable } from './workbench-table.ts';
