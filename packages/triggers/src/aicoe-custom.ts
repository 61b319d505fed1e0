import { type PipelineRun, type PipelineSpec, parseYaml } from '@tagboat/api';
import { deterministicName, invalid } from '@tagboat/base';
import type { Commit } from '@tagboat/git-client';
import { runIdentity, runMetadata } from './plan-runs.ts';
import type { TriggerEvent } from './trigger-event.ts';

const file = 'pipeline.yaml';

/**
 * `thoth-custom-build`: the Pipeline in the repository's `pipeline.yaml`, with the params that it is promised.
 * @throws `Invalid` where there is none that Tekton still takes
 */
export async function customRun(event: TriggerEvent, commit: Commit): Promise<PipelineRun> {
  const spec = readPipeline(await commit.readText(file));
  const given: Readonly<Record<string, string>> = {
    git_ref: event.ref.short,
    git_ref_type: 'tag',
    repo_name: event.repository,
    repo_url: event.cloneUrl,
    default_branch: event.defaultBranch,
    revision: event.ref.commit,
  };
  const { short, parts } = runIdentity(event);
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: deterministicName(`${event.repository}-custom-${short}`, [...parts, 'aicoe-custom']),
      namespace: event.project,
      ...runMetadata(event, { name: 'custom-pipeline' }),
    },
    spec: {
      pipelineSpec: spec,
      params: (spec.params ?? []).flatMap(({ name }) =>
        name in given ? [{ name, value: given[name]! }] : [],
      ),
      workspaces: (spec.workspaces ?? []).map(({ name }) => ({
        name,
        volumeClaimTemplate: {
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } } },
        },
      })),
    },
  };
}

function readPipeline(text: string | undefined): PipelineSpec {
  if (text === undefined)
    throw invalid(`thoth-custom-build needs a ${file} in the repository`, {
      location: { file: '.aicoe-ci.yaml' },
    });
  const found = parseYaml(text, file).find(
    ({ value }) => (value as { kind?: string } | undefined)?.kind === 'Pipeline',
  );
  const spec = (found?.value as { spec?: PipelineSpec } | undefined)?.spec;
  if (!found || !spec) throw invalid(`expected a Pipeline in ${file}`, { location: { file } });
  if ('resources' in spec)
    throw invalid(`${file} uses PipelineResources, which Tekton removed`, {
      location: found.locate(['spec', 'resources']),
      hint: 'clone the repository in a task: params repo_url and git_ref are given',
    });
  return spec;
}
