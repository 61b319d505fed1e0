export * from './controller.ts';
export * from './event-expiry.ts';
export * from './events.ts';
export * from './garbage-collector.ts';
export * from './inform.ts';
export * from './namespace-controller.ts';
export { WorkQueue } from './work-queue.ts';
