import { findCondition, keyOf, kinds, type PipelineRun, resultsOf } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { type Client, until } from '@tagboat/client';
import { type Model, retrainAnnotation, runAnnotations, runLabels } from '@tagboat/render';
import { defineCommand } from 'citty';
import { failureOf, followRun, standardOutput } from '../live.ts';
import { modelOptions, tell } from '../output.ts';
import { connect, findModel } from '../session.ts';

export default defineCommand({
  meta: { name: 'retrain', description: 'Looks at the data anew, and trains a candidate where it changed' },
  args: {
    ...modelOptions,
    wait: { type: 'boolean', default: true, negativeDescription: 'return at once' },
  },
  async run({ args }) {
    const client = await connect();
    const model = await findModel(client, args.model, args.project);
    const requested = new Date().toISOString();
    await client.patch(keyOf(kinds.Model, model), {
      metadata: { annotations: { [retrainAnnotation]: requested } },
    });
    if (!args.wait)
      return finish(args.output, { outcome: 'Requested', message: 'see: tagboat runs', requested });
    const quiet = args.output === 'json';
    const retrain = await runOf(
      client,
      model,
      (run) => run.metadata.annotations?.[runAnnotations.requested] === requested,
    );
    const first = await follow(client, retrain, quiet);
    const results = resultsOf(first);
    if (results['candidate-outcome'] !== 'Candidate')
      return finish(args.output, { outcome: 'NothingNew', message: 'nothing new: the data has not changed' });
    const commit = results['candidate-commit'];
    const candidate = await runOf(
      client,
      model,
      (run) =>
        run.metadata.annotations?.[runAnnotations.commit] === commit &&
        run.metadata.labels?.[runLabels.kind] === 'candidate',
    );
    const second = await follow(client, candidate, quiet, true);
    const outcome = resultsOf(second);
    const succeeded = findCondition(second.status?.conditions, 'Succeeded')?.status === 'True';
    if (!succeeded) {
      process.exitCode = 1;
      return finish(args.output, { outcome: 'Refused', message: await failureOf(client, second) });
    }
    finish(args.output, {
      outcome: outcome['tag-outcome'] ?? 'Done',
      tag: outcome['tag-tag'],
      metrics: outcome['evaluate-metrics'],
      deployedMetrics: outcome['evaluate-deployed-metrics'],
      message: outcome['tag-tag']
        ? [`tagged ${outcome['tag-tag']}`, outcome['evaluate-verdict']].filter(Boolean).join(': ')
        : (outcome['evaluate-verdict'] ?? ''),
    });
    return undefined;
  },
});

function finish(
  output: string | undefined,
  result: { outcome: string; message: string; [key: string]: unknown },
): void {
  tell(output, result, `${result.outcome}: ${result.message}`);
}

async function follow(
  client: Client,
  run: PipelineRun,
  quiet: boolean,
  mayFail = false,
): Promise<PipelineRun> {
  const done = await followRun(client, keyOf(kinds.PipelineRun, run), standardOutput({ quiet }));
  if (!mayFail && findCondition(done.status?.conditions, 'Succeeded')?.status !== 'True')
    throw new TagboatError(await failureOf(client, done), { reason: 'RunFailed' });
  return done;
}

function runOf(client: Client, model: Model, matches: (run: PipelineRun) => boolean): Promise<PipelineRun> {
  return until(
    client,
    {
      type: kinds.PipelineRun,
      namespace: model.metadata.namespace ?? '',
      what: 'the start of the run',
      timeout: 60_000,
      hint: 'see: tagboat status',
    },
    matches,
  );
}
