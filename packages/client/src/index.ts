export { Client, type ClientOptions, type ListOptions, pathOf, type WatchEvent } from './client.ts';
export { splitLines } from './lines.ts';
export { type Awaited, until } from './until.ts';
