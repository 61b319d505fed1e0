import {
  type FailedTaskInfo,
  failureText,
  findCondition,
  keyOf,
  kinds,
  type PipelineRun,
  type PipelinesAsCodeRepository,
  type Repository,
  type RepositoryRunStatus,
  type ResourceKey,
  type TaskRun,
} from '@tagboat/api';
import { canonicalJson } from '@tagboat/base';
import { runAnnotations, runLabels } from '@tagboat/render';
import { mutate, type ResourceStore } from '@tagboat/store';
import { annotationNames } from './tekton/matching.ts';
import { plainBranch } from './tekton/variables.ts';

/** So many runs are remembered (Pipelines-as-Code `maxPipelineRunStatusRun`). */
const mostRuns = 5;

export interface RunStatusOptions {
  readonly store: ResourceStore;
  readonly page: (project: string, run: string) => string;
}

/** Writes the newest finished runs of a repository into `pipelinerun_status`; what is there outlives the runs. */
export async function recordRuns(
  options: RunStatusOptions,
  native: PipelinesAsCodeRepository,
  target: ResourceKey,
): Promise<void> {
  const { store } = options;
  const { items } = await store.list<PipelineRun>(kinds.PipelineRun, {
    namespace: target.namespace,
    labels: [{ key: runLabels.repository, operator: 'In', values: [target.name] }],
  });
  const known = new Set((native.pipelinerun_status ?? []).map(({ pipelineRunName }) => pipelineRunName));
  const ended = (run: PipelineRun) => run.status?.completionTime ?? '';
  const fresh = items
    .filter((run) => ended(run) && !known.has(run.metadata.name))
    .sort((a, b) => ended(a).localeCompare(ended(b)))
    .slice(-mostRuns);
  if (fresh.length === 0) return;
  const repository = await store.get<Repository>(target);
  const entries: RepositoryRunStatus[] = [];
  for (const run of fresh) entries.push(await entryOf(options, run, repository));
  await mutate<PipelinesAsCodeRepository>(store, keyOf(kinds.PipelinesAsCodeRepository, native), (draft) => {
    const before = draft.pipelinerun_status ?? [];
    const names = new Set(before.map(({ pipelineRunName }) => pipelineRunName));
    const after = [...before, ...entries.filter(({ pipelineRunName }) => !names.has(pipelineRunName))]
      .sort((a, b) => (a.completionTime ?? '').localeCompare(b.completionTime ?? ''))
      .slice(-mostRuns);
    if (canonicalJson(after) === canonicalJson(before)) return false;
    draft.pipelinerun_status = after;
    return undefined;
  });
}

async function entryOf(
  options: RunStatusOptions,
  run: PipelineRun,
  repository: Repository | undefined,
): Promise<RepositoryRunStatus> {
  const { annotations = {}, namespace = '', name } = run.metadata;
  const { startTime, completionTime, conditions = [] } = run.status ?? {};
  const sha = annotations[runAnnotations.commit];
  const title = annotations[annotationNames.title];
  const branch = annotations[annotationNames.branchOf] ?? annotations[runAnnotations.ref];
  const eventType = annotations[annotationNames.eventType];
  const page = sha && commitPage(repository, sha);
  const failed = await failuresOf(options.store, run);
  return {
    pipelineRunName: name,
    ...(startTime ? { startTime } : {}),
    ...(completionTime ? { completionTime } : {}),
    ...(sha ? { sha } : {}),
    ...(page ? { sha_url: page } : {}),
    ...(title ? { title } : {}),
    logurl: options.page(namespace, name),
    ...(branch ? { target_branch: plainBranch(branch) } : {}),
    ...(eventType ? { event_type: eventType } : {}),
    conditions: [...conditions],
    ...(Object.keys(failed).length > 0 ? { failure_reason: failed } : {}),
  };
}

/** The page of a commit at an outside forge. */
function commitPage(repository: Repository | undefined, sha: string): string | undefined {
  const { url, git_provider: provider } = repository?.spec ?? {};
  if (!url || !/^https?:/.test(url)) return undefined;
  const { origin, pathname, hostname } = new URL(url);
  const isGitlab = provider?.type === 'gitlab' || /(^|\.)gitlab\./.test(hostname);
  return `${origin}${pathname.replace(/\/?(\.git)?$/, '')}${isGitlab ? '/-' : ''}/commit/${sha}`;
}

async function failuresOf(store: ResourceStore, run: PipelineRun): Promise<Record<string, FailedTaskInfo>> {
  if (findCondition(run.status?.conditions, 'Succeeded')?.status !== 'False') return {};
  const { items } = await store.list<TaskRun>(kinds.TaskRun, {
    namespace: run.metadata.namespace ?? '',
    labels: [{ key: 'tekton.dev/pipelineRun', operator: 'In', values: [run.metadata.name] }],
  });
  return Object.fromEntries(
    items.flatMap((taskRun): [string, FailedTaskInfo][] => {
      const condition = findCondition(taskRun.status?.conditions, 'Succeeded');
      const task = taskRun.metadata.labels?.['tekton.dev/pipelineTask'];
      if (condition?.status !== 'False' || !task) return [];
      const words = failureText(taskRun);
      return [
        [
          task,
          {
            name: task,
            ...(condition.message ? { message: condition.message } : {}),
            ...(words && words !== condition.message ? { log_snippet: words } : {}),
            ...(condition.reason ? { reason: condition.reason } : {}),
            ...(taskRun.status?.completionTime ? { completion_time: taskRun.status.completionTime } : {}),
          },
        ],
      ];
    }),
  );
}
