export * from './application.ts';
export { type ApplicationControllerOptions, applicationController } from './application-controller.ts';
export { differences, normalise } from './diff.ts';
export { type Health, healthOf, worst } from './health.ts';
export { type ManagedResource, type ManagedResources, managedResources } from './managed-resources.ts';
export { type Comparison, compareState, trackingId } from './plan-sync.ts';
export { type RenderedSource, renderSource } from './source.ts';
