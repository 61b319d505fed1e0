import type { PipelineRun, TaskRun } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { declarationsOf, type TektonFiles } from './tekton-files.ts';

/**
 * Refuses params and workspaces of the command line that nothing in the files declares or uses: a cluster passes over
 * params, and a typing error would be seen by its consequences alone. What runs something from elsewhere is not judged.
 * @throws `Invalid` with the names that there are
 */
export function checkGivenNames(
  files: TektonFiles,
  given: { params: readonly string[]; workspaces: readonly string[] },
): void {
  const declared = files.runs.map((run) => declarationsOf(run, files.objects));
  if (declared.some((declarations) => declarations === undefined)) return;
  const text = JSON.stringify([files.objects, files.runs]);
  for (const kind of ['params', 'workspaces'] as const) {
    const known = declared.flatMap((declarations) => (declarations?.[kind] ?? []).map(({ name }) => name));
    const own = files.runs.flatMap((run) => namesOf(run, kind));
    const isUsed = (name: string) =>
      [`${kind}.${name}`, `${kind}['${name}']`, `${kind}[\\"${name}\\"]`].some((use) => text.includes(use));
    const wrong = given[kind].find((name) => ![...known, ...own].includes(name) && !isUsed(name));
    if (wrong === undefined) continue;
    const names = [...new Set([...known, ...own])];
    throw invalid(`there is no ${kind.slice(0, -1)} "${wrong}"`, {
      hint: names.length > 0 ? `there are ${names.join(', ')}` : `what you run has no ${kind}`,
    });
  }
}

const namesOf = (run: PipelineRun | TaskRun, kind: 'params' | 'workspaces'): string[] =>
  ((run.spec?.[kind] ?? []) as { name: string }[]).map(({ name }) => name);
