import type { Container, Volume } from './core.ts';
import type { KubernetesObject } from './object.ts';

export type ParamValue = string | string[] | Record<string, string>;

export interface Param {
  name: string;
  value: ParamValue;
}

export interface ParamSpec {
  name: string;
  type?: 'string' | 'array' | 'object';
  description?: string;
  default?: ParamValue;
  enum?: string[];
  properties?: Record<string, { type?: string }>;
}

export interface WhenExpression {
  input?: string;
  operator?: 'in' | 'notin';
  values?: string[];
  cel?: string;
}

export interface Step extends Omit<Container, 'name' | 'resources'> {
  name?: string;
  script?: string;
  timeout?: string;
  onError?: 'continue' | 'stopAndFail';
  ref?: { name?: string; resolver?: string; params?: Param[] };
  params?: Param[];
  results?: TaskResult[];
  when?: WhenExpression[];
  workspaces?: { name: string; mountPath?: string }[];
  computeResources?: Container['resources'];
  displayName?: string;
  stdoutConfig?: { path: string };
  stderrConfig?: { path: string };
}

export interface TaskResult {
  name: string;
  type?: 'string' | 'array' | 'object';
  description?: string;
  properties?: Record<string, { type?: string }>;
  value?: ParamValue;
}

export interface WorkspaceDeclaration {
  name: string;
  description?: string;
  mountPath?: string;
  readOnly?: boolean;
  optional?: boolean;
}

export interface WorkspaceBinding {
  name: string;
  subPath?: string;
  emptyDir?: object;
  persistentVolumeClaim?: { claimName: string };
  volumeClaimTemplate?: { metadata?: { name?: string; labels?: Record<string, string> }; spec: object };
  configMap?: Volume['configMap'];
  secret?: Volume['secret'];
  projected?: Volume['projected'];
  csi?: object;
}

export interface Sidecar extends Omit<Container, 'resources'> {
  script?: string;
  workspaces?: { name: string; mountPath?: string }[];
  computeResources?: Container['resources'];
}

export interface TaskSpec {
  description?: string;
  displayName?: string;
  params?: ParamSpec[];
  results?: TaskResult[];
  steps: Step[];
  stepTemplate?: Partial<Container>;
  sidecars?: Sidecar[];
  volumes?: Volume[];
  workspaces?: WorkspaceDeclaration[];
}

export type Task = KubernetesObject<TaskSpec>;

export interface StepActionSpec
  extends Pick<
    Step,
    'image' | 'command' | 'args' | 'env' | 'script' | 'workingDir' | 'volumeMounts' | 'results'
  > {
  description?: string;
  params?: ParamSpec[];
  securityContext?: Container['securityContext'];
}

export type StepAction = KubernetesObject<StepActionSpec>;

/** Where a Task, Pipeline or StepAction comes from: a name in the namespace, or a remote resolver with its params. */
export interface Reference {
  name?: string;
  kind?: string;
  apiVersion?: string;
  resolver?: string;
  params?: Param[];
}

/** A param value type as declared or as its default or value shows. */
export function typeOfParam(value: ParamValue | undefined): 'string' | 'array' | 'object' {
  return Array.isArray(value) ? 'array' : value !== null && typeof value === 'object' ? 'object' : 'string';
}
