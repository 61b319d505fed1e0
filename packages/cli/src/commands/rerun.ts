import { findCondition, keyOf, kinds, type PipelineRun, type WorkspaceBinding } from '@tagboat/api';
import { invalid, notFound, shortHash } from '@tagboat/base';
import { claimNameOf, rerunOfAnnotation } from '@tagboat/pipelines';
import { defineCommand } from 'citty';
import { followTree } from '../follow-tree.ts';
import { standardOutput } from '../live.ts';
import { outputOption, projectOption, tell } from '../output.ts';
import { clientSource } from '../run-source.ts';
import { connect } from '../session.ts';

export default defineCommand({
  meta: { name: 'rerun', description: 'Runs a run again, whole or from where it failed' },
  args: {
    run: { type: 'positional', required: true, description: 'the name of a PipelineRun' },
    'from-failed': { type: 'boolean', description: 'keep the outcome of tasks that succeeded' },
    detach: { type: 'boolean', alias: 'd', description: 'do not follow it' },
    ...projectOption,
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const { items } = await client.list<PipelineRun>(
      kinds.PipelineRun,
      args.project ? { namespace: args.project } : {},
    );
    const found = items.filter(({ metadata }) => metadata.name === args.run);
    if (found.length > 1)
      throw invalid(`several projects have a run "${args.run}"`, { hint: 'say which with --project' });
    const earlier = found[0];
    if (!earlier) throw notFound(`there is no run "${args.run}"`, { hint: 'see: tagboat runs' });
    if (!earlier.status?.completionTime)
      throw invalid(`the run "${args.run}" is not over yet`, { hint: 'follow it with: tagboat runs NAME' });
    const again = await client.create(kinds.PipelineRun, rerunOf(earlier, args['from-failed'] ?? false));
    const quiet = args.output === 'json';
    if (args.detach || !quiet) tell(args.output, again, `${again.metadata.namespace}/${again.metadata.name}`);
    if (args.detach) return;
    const key = keyOf(kinds.PipelineRun, again);
    const done = await followTree(clientSource(client), key, standardOutput({ quiet }));
    const condition = findCondition(done.status?.conditions, 'Succeeded');
    tell(args.output, done, `${condition?.reason}: ${condition?.message}`);
    if (condition?.status !== 'True') process.exitCode = 1;
  },
});

/** A run with the same spec, under a name of its own; from failed: on the volumes of the earlier one. */
export function rerunOf(earlier: PipelineRun, fromFailed: boolean): PipelineRun {
  const { name, namespace = '', labels = {}, annotations = {} } = earlier.metadata;
  const base = name.replace(/-r[0-9a-f]{6}$/, '').slice(0, 55);
  const { status: _status, workspaces, ...spec } = earlier.spec ?? {};
  const kept = Object.entries(labels).filter(
    ([key]) => !/^tekton\.dev\/(pipelineRun|pipelineRunUID)$/.test(key),
  );
  const bindings = workspaces?.map((binding) => (fromFailed ? onSameClaim(earlier, binding) : binding));
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: `${base}-r${shortHash([name, String(Date.now())], 6)}`,
      namespace,
      labels: Object.fromEntries(kept),
      annotations: { ...withoutRerun(annotations), ...(fromFailed ? { [rerunOfAnnotation]: name } : {}) },
    },
    spec: { ...spec, ...(bindings ? { workspaces: bindings } : {}) },
  };
}

function withoutRerun(annotations: Record<string, string>): Record<string, string> {
  const { [rerunOfAnnotation]: _, 'tagboat.dev/superseded-by': _by, ...rest } = annotations;
  return rest;
}

/** What the earlier run's tasks left in its volumes is what the failed ones go on with. */
function onSameClaim(earlier: PipelineRun, binding: WorkspaceBinding): WorkspaceBinding {
  const { volumeClaimTemplate, ...rest } = binding;
  return volumeClaimTemplate
    ? { ...rest, persistentVolumeClaim: { claimName: claimNameOf(earlier, binding) } }
    : binding;
}
