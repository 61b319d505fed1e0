export { mergePatch, patched } from './patch.ts';
export { type ApiServerOptions, apiServerPlugin, type LogRequest } from './plugin.ts';
export { statusOf } from './status.ts';
