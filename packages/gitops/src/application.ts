import type { Condition, KubernetesObject } from '@tagboat/api';

export interface ApplicationSource {
  readonly repoURL: string;
  readonly path?: string;
  readonly targetRevision?: string;
  readonly directory?: { readonly recurse?: boolean };
}

export interface ApplicationSpec {
  readonly project?: string;
  readonly source: ApplicationSource;
  readonly destination: { readonly server?: string; readonly name?: string; readonly namespace?: string };
  readonly syncPolicy?: {
    readonly automated?: {
      readonly prune?: boolean;
      readonly selfHeal?: boolean;
      readonly allowEmpty?: boolean;
      readonly enabled?: boolean;
    };
    readonly syncOptions?: readonly string[];
    readonly retry?: { readonly limit?: number };
  };
  readonly ignoreDifferences?: readonly {
    readonly group?: string;
    readonly kind: string;
    readonly name?: string;
    readonly namespace?: string;
    readonly jsonPointers?: readonly string[];
  }[];
  readonly revisionHistoryLimit?: number;
}

export type HealthStatus = 'Healthy' | 'Suspended' | 'Progressing' | 'Missing' | 'Degraded' | 'Unknown';

export interface ResourceStatus {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: 'Synced' | 'OutOfSync';
  readonly health?: { readonly status: HealthStatus; readonly message?: string };
  readonly requiresPruning?: boolean;
}

export interface RevisionHistory {
  readonly id: number;
  readonly revision: string;
  readonly deployedAt: string;
  readonly source: ApplicationSource;
}

export interface OperationState {
  readonly phase: 'Running' | 'Succeeded' | 'Failed' | 'Error';
  readonly message: string;
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly syncResult?: {
    readonly revision: string;
    readonly resources: readonly {
      kind: string;
      namespace: string;
      name: string;
      status: string;
      message: string;
    }[];
  };
}

export interface ApplicationStatus {
  readonly sync?: {
    readonly status: 'Synced' | 'OutOfSync' | 'Unknown';
    readonly revision?: string;
    readonly comparedTo?: object;
  };
  readonly health?: { readonly status: HealthStatus; readonly message?: string };
  readonly resources?: readonly ResourceStatus[];
  readonly conditions?: readonly (Omit<Condition, 'status'> & { lastTransitionTime: string })[];
  readonly history?: readonly RevisionHistory[];
  readonly operationState?: OperationState;
  readonly reconciledAt?: string;
  readonly sourceType?: string;
  readonly summary?: { readonly images: readonly string[] };
}

/** argoproj.io/v1alpha1 Application, as far as it is acted on. `operation` asks for one sync. */
export type Application = KubernetesObject<ApplicationSpec, ApplicationStatus> & {
  operation?: { sync?: { revision?: string; prune?: boolean } };
};

export const trackingAnnotation = 'argocd.argoproj.io/tracking-id';
export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** On objects that a sync runs at a moment of its own, such as `PreSync`; they are no part of what is kept. */
export const hookAnnotation = 'argocd.argoproj.io/hook';
export const refreshAnnotation = 'argocd.argoproj.io/refresh';
