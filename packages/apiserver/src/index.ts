export { CustomResources } from './custom/custom-resources.ts';
export { mergePatch } from './patch.ts';
export { type ApiServerOptions, apiServerPlugin } from './plugin.ts';
export { formatOf } from './representation.ts';
export { Resources } from './resources.ts';
export type { Subject } from './reviews.ts';
export { StatusError, statusOf } from './status.ts';
export { isPodUpgrade, type PodSocketOptions, servePodSockets } from './streaming/pod-sockets.ts';
export { isWatchUpgrade, serveWatchSockets, type WatchSocketOptions } from './watch-socket.ts';
