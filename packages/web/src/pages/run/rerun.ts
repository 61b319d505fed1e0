import { kinds, type PipelineRun } from '@tagboat/api';
import { isReason, TagboatError } from '@tagboat/base';
import type { Client } from '@tagboat/client';

/** On a PipelineRun: the run whose succeeded tasks need not run again. */
const rerunOf = 'tagboat.dev/rerun-of';
const mostReruns = 200;
const longestName = 63;

/** The same run again, as `<name>-rN`. `number`: N. */
export function rerunOfRun(run: PipelineRun, number: number, fromFailed: boolean): PipelineRun {
  const { name, namespace, labels, annotations } = run.metadata;
  const kept = Object.entries(annotations ?? {}).filter(
    ([key]) => key !== rerunOf && !key.startsWith('kubectl.'),
  );
  const suffix = `-r${number}`;
  const { status: _, ...spec } = run.spec ?? {};
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: `${name.replace(/-r\d+$/, '').slice(0, longestName - suffix.length)}${suffix}`,
      ...(namespace ? { namespace } : {}),
      ...(labels ? { labels } : {}),
      annotations: { ...Object.fromEntries(kept), ...(fromFailed ? { [rerunOf]: name } : {}) },
    },
    spec,
  };
}

/** Starts a run again under the next free name. @returns the new run's name */
export async function startRerun(
  client: Pick<Client, 'create'>,
  run: PipelineRun,
  fromFailed: boolean,
): Promise<string> {
  const before = Number(/-r(\d+)$/.exec(run.metadata.name)?.[1] ?? 1);
  for (let number = before + 1; number < before + mostReruns; number++)
    try {
      const created = await client.create(kinds.PipelineRun, rerunOfRun(run, number, fromFailed));
      return created.metadata.name;
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
    }
  throw new TagboatError(`${run.metadata.name} was run again ${mostReruns} times already`, {
    reason: 'Conflict',
  });
}
