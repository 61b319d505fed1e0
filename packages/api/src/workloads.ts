import type { PodTemplate } from './core.ts';
import type { Condition, KubernetesObject } from './object.ts';
import type { LabelSelector } from './selector.ts';

/** batch/v1 JobSpec, as far as it is acted on. */
export interface JobSpec {
  parallelism?: number;
  completions?: number;
  activeDeadlineSeconds?: number;
  backoffLimit?: number;
  ttlSecondsAfterFinished?: number;
  suspend?: boolean;
  completionMode?: 'NonIndexed' | 'Indexed';
  selector?: LabelSelector;
  manualSelector?: boolean;
  podFailurePolicy?: { rules?: PodFailureRule[] };
  template: PodTemplate;
  [field: string]: unknown;
}

export interface PodFailureRule {
  action: 'FailJob' | 'FailIndex' | 'Ignore' | 'Count';
  onExitCodes?: { containerName?: string; operator: 'In' | 'NotIn'; values: number[] };
  onPodConditions?: { type: string; status?: string }[];
}

export interface JobStatus {
  startTime?: string;
  completionTime?: string;
  active?: number;
  ready?: number;
  terminating?: number;
  succeeded?: number;
  failed?: number;
  /** Such as `0,2-4`. */
  completedIndexes?: string;
  /** Ended pods that the counts do not hold yet. */
  uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] };
  conditions?: Condition[];
}

export type Job = KubernetesObject<JobSpec, JobStatus>;

/** batch/v1 CronJobSpec. */
export interface CronJobSpec {
  schedule: string;
  timeZone?: string;
  startingDeadlineSeconds?: number;
  concurrencyPolicy?: 'Allow' | 'Forbid' | 'Replace';
  suspend?: boolean;
  successfulJobsHistoryLimit?: number;
  failedJobsHistoryLimit?: number;
  jobTemplate: {
    metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
    spec: JobSpec;
  };
}

export interface CronJobStatus {
  active?: Record<string, string>[];
  lastScheduleTime?: string;
  lastSuccessfulTime?: string;
}

export type CronJob = KubernetesObject<CronJobSpec, CronJobStatus>;

export interface IngressBackend {
  service?: { name: string; port?: { number?: number; name?: string } };
}

/** networking.k8s.io/v1 IngressSpec. */
export interface IngressSpec {
  ingressClassName?: string;
  defaultBackend?: IngressBackend;
  rules?: {
    host?: string;
    http?: { paths: { path?: string; pathType?: string; backend: IngressBackend }[] };
  }[];
  tls?: { hosts?: string[]; secretName?: string }[];
}

export type Ingress = KubernetesObject<
  IngressSpec,
  {
    loadBalancer?: {
      ingress?: { ip?: string; hostname?: string; ports?: { port: number; protocol: string }[] }[];
    };
  }
>;

/** route.openshift.io/v1 RouteSpec. */
export interface RouteSpec {
  host?: string;
  path?: string;
  to: { kind?: string; name: string; weight?: number };
  alternateBackends?: { kind?: string; name: string; weight?: number }[];
  port?: { targetPort: number | string };
  tls?: { termination?: string };
  wildcardPolicy?: string;
}

export type Route = KubernetesObject<
  RouteSpec,
  { ingress?: { host: string; routerName: string; conditions: Condition[]; wildcardPolicy?: string }[] }
>;

export interface EndpointAddress {
  ip: string;
  nodeName?: string;
  targetRef?: Record<string, string>;
}

/** core/v1 Endpoints. */
export type Endpoints = KubernetesObject & {
  subsets?: {
    addresses?: EndpointAddress[];
    notReadyAddresses?: EndpointAddress[];
    ports?: { name?: string; port: number; protocol: string }[];
  }[];
};
