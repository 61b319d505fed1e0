export { Client, type ClientOptions, type ListOptions, pathOf, type WatchEvent } from './client.ts';
