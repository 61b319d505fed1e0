import type { DriftReport } from '@tagboat/api';
import { isReason, TagboatError } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import type { Model } from '@tagboat/render';
import { defineCommand } from 'citty';
import { modelOptions, say, show, tell } from '../output.ts';
import { connect, findModel } from '../session.ts';

const mostFeatures = 20;

export default defineCommand({
  meta: {
    name: 'drift',
    description: 'Compares what a model is asked with what it was trained for, feature by feature',
  },
  args: modelOptions,
  async run({ args }) {
    const client = await connect();
    const report = await reportOf(client, await findModel(client, args.model, args.project));
    if (args.output === 'json') return tell('json', report, []);
    if (report.environments.length === 0) say(`${report.model} is deployed nowhere yet`);
    for (const { environment, tag, state, message, inputs, features } of report.environments) {
      if (state === 'unknown') {
        say(`${environment} ${tag}: unknown: ${message}`);
        continue;
      }
      say(`${environment} ${tag}: ${state}: ${message}; ${inputs} inputs in ${report.window}`);
      show(
        features.slice(0, mostFeatures).map(({ name, kind, score, bins }) => ({
          feature: name,
          kind,
          [report.method]: score.toFixed(3),
          drifts: score >= report.threshold ? 'yes' : '',
          'largest change': largestChange(bins),
        })),
        { columns: ['feature', 'kind', report.method, 'drifts', 'largest change'] },
      );
      if (features.length > mostFeatures) say(`and ${features.length - mostFeatures} more; see: -o json`);
    }
    return undefined;
  },
});

async function reportOf(client: Client, { metadata, spec }: Model): Promise<DriftReport> {
  try {
    const path = `/tagboat/drift/${metadata.namespace}/${metadata.name}`;
    return (await (await client.request('GET', path)).json()) as DriftReport;
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
    throw spec?.monitor?.drift
      ? new TagboatError(`${metadata.name} was not looked at yet`, {
          reason: 'NotFound',
          hint: 'ask again in 15 s',
          cause: error,
        })
      : new TagboatError(`the inputs of ${metadata.name} are not watched`, {
          reason: 'NotFound',
          hint: 'declare monitor: { drift: {} } in tagboat.yaml, and release',
          cause: error,
        });
  }
}

/** The bin whose share changed most. */
function largestChange(bins: DriftReport['environments'][number]['features'][number]['bins']): string {
  const change = ({ reference, live }: { reference: number; live: number }) => Math.abs(live - reference);
  const [most] = [...bins].sort((a, b) => change(b) - change(a));
  const percent = (share: number) => `${Math.round(share * 100)}%`;
  return most && change(most) >= 0.005
    ? `${most.label}: ${percent(most.reference)} -> ${percent(most.live)}`
    : '';
}
