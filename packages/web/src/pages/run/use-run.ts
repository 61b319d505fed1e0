import { kinds, type PipelineRun, type PipelineSpec, type ResourceType, type TaskRun } from '@tagboat/api';
import { type RunSummary, summariseRun } from '@tagboat/render/run-summary';
import { useParams, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { LiveLike } from '../../components/index.ts';
import { useList, useObject } from '../../data/use-list.ts';
import { type Child, type TaskNode, taskNodes } from '../../graph/pipeline-graph.ts';

export interface LoadedRun {
  readonly run: PipelineRun;
  readonly summary: RunSummary;
  readonly pipeline: PipelineSpec;
  readonly nodes: readonly TaskNode[];
  readonly taskRuns: readonly TaskRun[];
}

export interface RunAddress {
  readonly project: string;
  readonly run: string;
}

export function useRunAddress(): RunAddress {
  return useParams({ from: '/runs/$project/$run' });
}

export const useRunSearchParams = () => useSearch({ from: '/runs/$project/$run' });

/** A run with its tasks, kept true by watches. */
export function useRun({ project, run: name }: RunAddress): {
  sources: readonly LiveLike[];
  loaded?: LoadedRun;
} {
  const run = useObject<PipelineRun>({ type: kinds.PipelineRun, namespace: project, name });
  const tasks = useList<TaskRun>(kinds.TaskRun, {
    namespace: project,
    labelSelector: `tekton.dev/pipelineRun=${name}`,
  });
  const nested = useChildren<PipelineRun>(run.object, kinds.PipelineRun);
  const custom = useChildren<Child>(run.object, kinds.CustomRun);
  const loaded = useMemo(
    () => (run.object ? loadedRun(run.object, tasks.items, [...nested.items, ...custom.items]) : undefined),
    [run.object, tasks.items, nested.items, custom.items],
  );
  return { sources: [run, tasks, nested, custom], ...(loaded ? { loaded } : {}) };
}

/** What is no TaskRun among the children of a run; nothing is watched where it has none. */
function useChildren<T extends Child>(run: PipelineRun | undefined, type: ResourceType) {
  const has = run?.status?.childReferences?.some(({ kind }) => kind === type.kind);
  const query = {
    namespace: run?.metadata.namespace ?? '',
    labelSelector: `tekton.dev/pipelineRun=${run?.metadata.name}`,
  };
  return useList<T>(type, has ? query : undefined);
}

export function loadedRun(
  run: PipelineRun,
  taskRuns: readonly TaskRun[],
  others: readonly Child[] = [],
): LoadedRun {
  const pipeline = run.status?.pipelineSpec ?? run.spec?.pipelineSpec ?? { tasks: [] };
  const nodes = taskNodes(pipeline, { run, children: [...taskRuns, ...others] });
  return { run, summary: summariseRun(run), pipeline, nodes, taskRuns };
}
