export { mergePatch, patched } from './patch.ts';
export { type ApiServerOptions, apiServerPlugin } from './plugin.ts';
export { statusOf } from './status.ts';
export { serveWatchSockets, type WatchSocketOptions } from './watch-socket.ts';
