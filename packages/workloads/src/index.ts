import { cronJobController } from './cron-job-controller.ts';
import { deploymentController } from './deployment-controller.ts';
import { type IngressOptions, ingressControllers } from './ingress-controllers.ts';
import { jobController } from './job-controller.ts';
import { notActedOnControllers } from './not-acted-on.ts';
import { replicaSetController } from './replica-set-controller.ts';
import { ServiceController } from './service-controller.ts';

export { Gateway, type GatewayOptions, type ServedExchange } from './gateway.ts';
export { GatewayMetrics } from './gateway-metrics.ts';
export type { WorkloadOptions } from './owned-pods.ts';
export { planRollout, rolloutBounds } from './plan-rollout.ts';
export { type Backend, RouteTable } from './routes.ts';

/** The controllers of what Kubernetes calls workloads and services, not yet started. */
export function createWorkloadControllers(options: IngressOptions): Startable[] {
  return [
    deploymentController(options),
    replicaSetController(options),
    jobController(options),
    cronJobController(options),
    new ServiceController(options),
    ...ingressControllers(options),
    ...notActedOnControllers(options),
  ];
}

export interface Startable extends AsyncDisposable {
  start(): AsyncDisposable;
}
