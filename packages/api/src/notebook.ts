import type { ContainerState, PodSpec } from './core.ts';
import type { Condition, KubernetesObject } from './object.ts';

/** A workbench (kubeflow.org/v1 Notebook): a pod with a Jupyter server that its owner starts and stops. */
export interface NotebookSpec {
  template: {
    metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
    spec: PodSpec;
  };
}

export interface NotebookStatus {
  observedGeneration?: number;
  readyReplicas?: number;
  containerState?: ContainerState;
  /** `Ready` says in its reason which `WorkbenchPhase` it is in; `Idle` is True when it is about to be stopped. */
  conditions?: Condition[];
  /** When something was last done in it (RFC 3339). */
  lastActivity?: string;
  /** Bytes that its files take. */
  diskUse?: number;
  /** The registry reference of the newest snapshot of its files. */
  snapshot?: string;
}

export type WorkbenchPhase = 'Starting' | 'Running' | 'Stopping' | 'Stopped' | 'Failed' | 'Deleting';

export type Notebook = KubernetesObject<NotebookSpec, NotebookStatus>;

export const notebookAnnotations = {
  /** Its value is when it was stopped (RFC 3339); taken away, the workbench starts. */
  stopped: 'kubeflow-resource-stopped',
  lastActivity: 'notebooks.kubeflow.org/last-activity',
  /** Any other value than before makes a new pod (as kubeflow's `notebooks.opendatahub.io/notebook-restart`). */
  restart: 'notebooks.opendatahub.io/notebook-restart',
  profile: 'tagboat.dev/profile',
  /** Which managed environment its kernel has: `minimal`, `data-science`, ..., or `project`. */
  environment: 'tagboat.dev/environment',
  /** The Repository of the same namespace that is cloned into it. */
  repository: 'tagboat.dev/repository',
  /** Stopped after so long without activity, such as `4h`; `never`: not at all. */
  idleTimeout: 'tagboat.dev/idle-timeout',
  /** `delete`: its files go with it, after a snapshot; else the claim stays. */
  onDelete: 'tagboat.dev/on-delete',
} as const;

/** The label that the pod of a workbench carries; its value is the workbench's name. */
export const notebookNameLabel = 'notebook-name';

/** Where a workbench is reached on the apps port. */
export const workbenchPath = (namespace: string, name: string): string => `/notebook/${namespace}/${name}/`;
