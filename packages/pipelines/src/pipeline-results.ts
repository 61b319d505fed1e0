import type { ParamValue, PipelineSpec } from '@tagboat/api';
import { findReferences, type Lookup, substituteValue } from './substitute.ts';
import { hasSucceeded, type PipelineTaskState } from './task-states.ts';

export interface PipelineResults {
  readonly results: readonly { name: string; value: ParamValue }[];
  /** Why a result that should be there is not. */
  readonly problem?: string;
}

/**
 * The results of a finished pipeline. One that uses a task that did not succeed is left out; one that uses what a
 * task that succeeded did not give is a failure (Tekton's `ApplyTaskResultsToPipelineResults`).
 */
export function pipelineResults(
  spec: PipelineSpec,
  states: ReadonlyMap<string, PipelineTaskState>,
  lookup: Lookup,
): PipelineResults {
  const results: { name: string; value: ParamValue }[] = [];
  const wrong: string[] = [];
  for (const { name, value } of spec.results ?? []) {
    const missing = findReferences(value).find((reference) => isMissing(reference, lookup));
    if (!missing) results.push({ name, value: substituteValue(value, lookup) });
    else if (isWrong(missing.name, states)) wrong.push(name);
  }
  if (wrong.length === 0) return { results };
  return {
    results,
    problem: `invalid pipelineresults [${wrong.join(' ')}], the referenced results don't exist`,
  };
}

function isMissing({ name, index }: { name: string; index: string | undefined }, lookup: Lookup): boolean {
  const value = lookup(name);
  if (value === undefined) return true;
  return Array.isArray(value) && index !== undefined && index !== '*' && Number(index) >= value.length;
}

function isWrong(reference: string, states: ReadonlyMap<string, PipelineTaskState>): boolean {
  const task = /^(?:tasks|finally)\.([\w-]+)\./.exec(reference)?.[1];
  const state = task === undefined ? undefined : states.get(task);
  return !state || hasSucceeded(state);
}
