import type { Condition, KubernetesObject } from './object.ts';
import type { RepositorySpec } from './tagboat.ts';

/** `spec` of a `Repository` of pipelinesascode.tekton.dev/v1alpha1: these fields mean the same in one of tagboat.dev. */
export type PipelinesAsCodeSpec = Pick<
  RepositorySpec,
  'url' | 'concurrency_limit' | 'params' | 'incoming' | 'settings' | 'git_provider'
>;

/** What became of one finished run, as Pipelines-as-Code words it. */
export interface RepositoryRunStatus {
  pipelineRunName?: string;
  startTime?: string;
  completionTime?: string;
  sha?: string;
  sha_url?: string;
  title?: string;
  logurl?: string;
  target_branch?: string;
  event_type?: string;
  conditions?: Condition[];
  /** The tasks that failed, by name. */
  failure_reason?: Record<string, FailedTaskInfo>;
}

export interface FailedTaskInfo {
  name: string;
  message?: string;
  log_snippet?: string;
  reason?: string;
  display_name?: string;
  completion_time?: string;
}

/** A `Repository` of pipelinesascode.tekton.dev/v1alpha1; its status stands beside its spec. */
export type PipelinesAsCodeRepository = KubernetesObject<PipelinesAsCodeSpec> & {
  /** The newest five finished runs, the last one last. */
  pipelinerun_status?: RepositoryRunStatus[];
};
