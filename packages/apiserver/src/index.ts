export { mergePatch, patched } from './patch.ts';
export { type ApiServerOptions, apiServerPlugin } from './plugin.ts';
export { statusOf } from './status.ts';
