import type { KubernetesObject } from './object.ts';
import type { Param, ParamSpec, ParamValue, Reference, TaskSpec, WhenExpression } from './tekton-task.ts';

export interface PipelineTask {
  name: string;
  displayName?: string;
  description?: string;
  taskRef?: Reference;
  taskSpec?: TaskSpec & {
    metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
    apiVersion?: string;
    kind?: string;
    spec?: unknown;
  };
  pipelineRef?: Reference;
  pipelineSpec?: PipelineSpec;
  params?: Param[];
  when?: WhenExpression[];
  runAfter?: string[];
  retries?: number;
  timeout?: string;
  onError?: 'continue' | 'stopAndFail';
  workspaces?: { name: string; workspace?: string; subPath?: string }[];
  matrix?: { params?: Param[]; include?: { name?: string; params?: Param[] }[] };
}

export interface PipelineSpec {
  description?: string;
  displayName?: string;
  params?: ParamSpec[];
  workspaces?: { name: string; description?: string; optional?: boolean }[];
  tasks: PipelineTask[];
  finally?: PipelineTask[];
  results?: { name: string; type?: string; description?: string; value: ParamValue }[];
}

export type Pipeline = KubernetesObject<PipelineSpec>;
