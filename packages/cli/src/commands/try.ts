import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCondition, keyOf, kinds, type PipelineRun, resultsOf } from '@tagboat/api';
import { invalid, notFound, shortHash, TagboatError } from '@tagboat/base';
import type { Client } from '@tagboat/client';
import { git } from '@tagboat/git-client';
import {
  environmentsClaimOf,
  type ModelFile,
  modelFileName,
  outsideDeployment,
  readModelFile,
  runAnnotations,
  runLabels,
  runSpec,
} from '@tagboat/render';
import { declaredFiles } from '@tagboat/steps';
import { defineCommand } from 'citty';
import pc from 'picocolors';
import { cancelOnSignal } from '../cancel-on-signal.ts';
import { deploymentUrlOf } from '../deployments.ts';
import { failureOf, followRun, standardOutput } from '../live.ts';
import { outputOption, say, show } from '../output.ts';
import { clientSource } from '../run-source.ts';
import { about, connect, currentRepository, gitAccess, repositoryRoot } from '../session.ts';
import { snapshot } from '../snapshot.ts';

export default defineCommand({
  meta: {
    name: 'try',
    description: 'Trains and evaluates the files as they are, uncommitted changes too; releases nothing',
  },
  args: { model: { type: 'positional', required: false }, ...outputOption },
  async run({ args }) {
    const client = await connect();
    const root = await repositoryRoot();
    await about(client);
    const here = await currentRepository(client, root);
    if (!here)
      throw notFound('no remote of this repository leads to Tagboat', { hint: 'add it with: tagboat init' });
    const text = await readFile(join(root, modelFileName), 'utf8').catch(() => {
      throw notFound(`there is no ${modelFileName}`, { hint: 'propose one with: tagboat init' });
    });
    const models = readModelFile(text, modelFileName);
    const model = args.model ? models.find(({ name }) => name === args.model) : models[0];
    if (!model || (!args.model && models.length > 1))
      throw invalid('which model?', { hint: `there are ${models.map(({ name }) => name).join(', ')}` });
    const quiet = args.output === 'json';
    for (const notice of quiet ? [] : model.notices) say(`${pc.yellow('note')}: ${notice}`);
    await refuseIgnored(root, model);
    const commit = await snapshot(root);
    const url = `${client.url}/git/${here.project}/${here.name}.git`;
    const ref = `refs/tagboat/try/${commit.slice(0, 12)}`;
    await git(['push', '--quiet', '--force', '--', url, `${commit}:${ref}`], {
      cwd: root,
      ...gitAccess(client),
    });
    const run = await client.create(kinds.PipelineRun, await tryRun(client, { model, commit, url, here }));
    const key = keyOf(kinds.PipelineRun, run);
    using _cancelling = cancelOnSignal(clientSource(client), key, (text) => process.stderr.write(text));
    const done = await followRun(client, key, standardOutput({ quiet }));
    report(args.output, done);
    if (findCondition(done.status?.conditions, 'Succeeded')?.status !== 'True')
      throw new TagboatError(await failureOf(client, done), { reason: 'RunFailed' });
  },
});

/** @throws `Invalid` where git ignores a file that the model names: no commit would have it */
async function refuseIgnored(root: string, model: ModelFile): Promise<void> {
  const paths = declaredFiles(model).map(({ path }) => path);
  if (paths.length === 0) return;
  // Its code is 1 where none is ignored.
  const { stdout } = await git(['check-ignore', '-v', '-z', '--stdin'], {
    cwd: root,
    stdin: paths.join('\0'),
  }).catch(() => ({ stdout: Buffer.alloc(0) }));
  const [file, line, pattern, path] = stdout.toString('utf8').split('\0');
  if (path && existsSync(join(root, path)))
    throw invalid(`git ignores ${path}, so that no commit and no run has it (${file}:${line}: ${pattern})`, {
      hint: `take it in with: git add -f ${path}; or give it a url or a command as data in tagboat.yaml`,
    });
}

async function tryRun(
  client: Client,
  {
    model,
    commit,
    url,
    here,
  }: { model: ModelFile; commit: string; url: string; here: { project: string; name: string } },
): Promise<PipelineRun> {
  await client.createIfAbsent(kinds.PersistentVolumeClaim, environmentsClaimOf(here.project));
  const { registry } = await about(client);
  const deploymentUrl =
    outsideDeployment(model.spec) ?? (await deploymentUrlOf(client, here.project, model.name));
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: {
      name: `${model.name.slice(0, 40)}-try-${shortHash([commit, String(Date.now())])}`,
      namespace: here.project,
      labels: {
        [runLabels.repository]: here.name,
        [runLabels.model]: model.name,
        [runLabels.kind]: 'try',
      },
      annotations: { [runAnnotations.commit]: commit, [runAnnotations.tag]: 'try' },
    },
    spec: runSpec('try', model.spec, {
      project: here.project,
      model: model.name,
      repositoryUrl: url,
      commit,
      tag: 'try',
      sequence: 0,
      branch: 'main',
      registry,
      deploymentUrl,
    }),
  };
}

const short = (value: number | null | undefined) =>
  typeof value === 'number' ? Number(value.toPrecision(6)) : '';

function report(output: string | undefined, run: PipelineRun): void {
  const results = resultsOf(run);
  const read = (name: string) => JSON.parse(results[name] || '{}') as Record<string, number | null>;
  const [metrics, deployed] = [read('evaluate-metrics'), read('evaluate-deployed-metrics')];
  const rows = Object.keys(metrics).map((metric) => {
    const [now, before] = [metrics[metric], deployed[metric]];
    const change =
      typeof now === 'number' && typeof before === 'number' ? Number((now - before).toPrecision(4)) : null;
    if (output === 'json') return { metric, here: now, deployed: before ?? null, change };
    const signed = change !== null && change > 0 ? `+${change}` : (change ?? '');
    return { metric, here: short(now), deployed: short(before), change: signed };
  });
  if (rows.length > 0 || output === 'json')
    show(rows, { output, columns: ['metric', 'here', 'deployed', 'change'] });
  if (output !== 'json' && results['evaluate-verdict']) say(results['evaluate-verdict']);
}
