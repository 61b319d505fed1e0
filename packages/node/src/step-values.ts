import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodStep, RunResult } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';

/** All results of one container together (Tekton's own limit is 4 KiB, of the kubelet's termination message). */
const largestResults = 64 * 1024;

/** The host directories behind `/tekton/results` and `/tekton/steps`. */
export interface StepDirectories {
  readonly results: string;
  readonly steps: string;
}

/**
 * What a step left in its result files.
 * @throws `ResultsTooLarge`
 */
export async function readResults(
  directories: StepDirectories,
  step: PodStep,
  taskResults: readonly { name: string }[],
): Promise<RunResult[]> {
  const results: RunResult[] = [];
  for (const { name } of taskResults) {
    const value = await readSmall(join(directories.results, name), name);
    if (value !== undefined) results.push({ key: name, value, type: 1 });
  }
  for (const { name } of step.results ?? []) {
    const value = await readSmall(join(directories.steps, step.container, 'results', name), name);
    if (value !== undefined) results.push({ key: name, value, type: 4 });
  }
  return results;
}

async function readSmall(path: string, name: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  if (found.size > largestResults)
    throw new TagboatError(
      `result "${name}" has ${found.size} bytes; at most ${largestResults} can be handed on`,
      { reason: 'ResultsTooLarge', hint: 'put large values into a file of a workspace' },
    );
  return readFile(path, 'utf8');
}

/** Replaces `$(steps.<name>.results.<result>)` by what earlier steps wrote. */
export async function substituteStepResults(text: string, steps: string): Promise<string> {
  const reference = /\$\(steps\.([\w-]+)\.results\.([\w-]+)\)/g;
  const values = new Map<string, string>();
  for (const [whole, step, result] of text.matchAll(reference)) {
    const path = join(steps, `step-${step}`, 'results', result!);
    const value = await readFile(path, 'utf8').catch(() => undefined);
    if (value === undefined)
      throw new TagboatError(`${whole} has no value: step "${step}" wrote no result "${result}"`, {
        reason: 'MissingStepResult',
      });
    values.set(whole, value);
  }
  return text.replace(reference, (whole) => values.get(whole) ?? whole);
}
