import type { Controller } from '@tagboat/controller';
import { deploymentController } from './deployment-controller.ts';
import { replicaSetController, type WorkloadOptions } from './replica-set-controller.ts';

export { Gateway, type GatewayOptions, type ServedExchange } from './gateway.ts';
export { GatewayMetrics } from './gateway-metrics.ts';
export { planRollout, rolloutBounds } from './plan-rollout.ts';
export type { WorkloadOptions } from './replica-set-controller.ts';
export { type Backend, RouteTable } from './routes.ts';

/** The controllers of Deployments and ReplicaSets, not yet started. */
export function createWorkloadControllers(options: WorkloadOptions): Controller[] {
  return [deploymentController(options), replicaSetController(options)];
}
