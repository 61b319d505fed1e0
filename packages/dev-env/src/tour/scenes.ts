import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCondition, kinds, type TaskRun } from '@tagboat/api';
import { sha256 } from '@tagboat/base';
import { until } from '@tagboat/client';
import type { Model } from '@tagboat/render';
import { leftovers } from '../leftovers.ts';
import { finishedRun, reasonOf } from '../waits.ts';
import { model, project, type Stage } from './stage.ts';

interface Retrained {
  readonly outcome: string;
  readonly message: string;
  readonly tag?: string;
  readonly metrics?: string;
  readonly deployedMetrics?: string;
}

const noise = (metrics: string | undefined) =>
  (JSON.parse(metrics ?? '{}') as { noise_ratio: number }).noise_ratio;

export async function shipATag(stage: Stage): Promise<void> {
  const { narrator, copy } = stage;
  narrator.scene(
    'Ship a tag',
    `A project that learns which tests of a CI are flaky: a notebook, an evaluation, a predictor, and tagboat.yaml.
Its data comes from a URL. Pushing a tag is all it takes; the first time, its Python environment is made (about 15 s).`,
  );
  await stage.publish({ tests: 20, jobs: 3, seed: 1 });
  const commit = await copy.commit('Flaky tests');
  await stage.git('tag', 'v0.1.0');
  await stage.git('push', '--quiet', 'tagboat', 'HEAD:main', 'v0.1.0');
  const run = await finishedRun(await stage.platform.client(), project, 'v0.1.0');
  narrator.claim(
    'the run trained, tested, built and released the model',
    reasonOf(run) === 'Succeeded',
    run.status,
  );
  await stage.serves('v0.1.0');
  const answer = await stage.ask();
  narrator.output(answer.body.sentence ?? '');
  narrator.claim(
    'staging serves it and answers',
    answer.status === 200 && answer.body.flakiness !== undefined,
    answer,
  );
  narrator.claim('one run, and one only, was made for the tag', (await stage.runsOf(commit)).length === 1);
  const commits = await stage.tagboat('status', '-o', 'json');
  narrator.claim(
    'what runs was deployed from git',
    commits.code === 0 && commits.stdout.includes('v0.1.0'),
    commits,
  );
}

export async function betterDataShipsItself(stage: Stage): Promise<void> {
  const { narrator } = stage;
  narrator.scene(
    'New data comes, and a better model ships itself',
    `The CI has run more jobs since. Retraining takes the new data, trains a candidate, and judges it beside the deployed
model, both on the new data.`,
  );
  await stage.publish({ tests: 160, jobs: 8, seed: 46 });
  const retrained = await retrain(stage);
  const [ours, deployed] = [noise(retrained.metrics), noise(retrained.deployedMetrics)];
  narrator.note(
    `noise_ratio: the candidate ${ours}, the deployed model ${deployed} on the same data (less is better)`,
  );
  narrator.claim('the candidate is better than what is deployed', ours < deployed, retrained);
  narrator.claim('so it was tagged, by a commit that pins its data', retrained.tag === 'v0.1.1', retrained);
  await stage.serves('v0.1.1');
  narrator.claim('and staging serves it', (await stage.ask()).status === 200);
  const again = await retrain(stage);
  narrator.claim('retraining with the same data is nothing new', again.outcome === 'NothingNew', again);
}

export async function badDataIsRefused(stage: Stage): Promise<void> {
  const { narrator } = stage;
  narrator.scene(
    'Bad data comes, and is refused',
    'This time most of the results are lost: one job is left. A model made of that would be worse, and does not ship.',
  );
  const before = await stage.ask();
  await stage.publish({ tests: 60, jobs: 1, seed: 3 });
  const refused = await retrain(stage);
  narrator.output(refused.message);
  narrator.claim('the candidate was refused', refused.outcome === 'Refused', refused);
  narrator.claim(
    "with both figures, its own and the deployed model's on the same data",
    /noise_ratio: [\d.]+, the deployed model [\d.]+ on the same data/.test(refused.message),
    refused.message,
  );
  const after = await stage.ask();
  narrator.claim(
    'the old model keeps serving',
    after.status === 200 && after.modelDigest === before.modelDigest,
    after,
  );
}

export async function killedWhileTraining(stage: Stage): Promise<void> {
  const { narrator, copy, platform } = stage;
  narrator.scene(
    'kill -9 in the middle of training',
    'Another eps, another tag. While its notebook runs, the whole platform is killed, without a warning.',
  );
  await stage.git('pull', '--quiet', '--rebase', 'tagboat', 'main');
  const yaml = await readFile(join(copy.directory, 'tagboat.yaml'), 'utf8');
  await copy.write({ 'tagboat.yaml': yaml.replace('eps: 0.5', 'eps: 0.45') });
  const commit = await copy.commit('A smaller eps');
  await stage.git('tag', 'v0.2.0');
  await stage.git('push', '--quiet', 'tagboat', 'HEAD:main', 'v0.2.0');
  await trainingRuns(stage, commit);
  narrator.command(`kill -9 -${platform.pid}`);
  await platform.kill();
  const left = await orphans(platform.home);
  narrator.claim('nothing of it runs any more, kernels and servers included', left.length === 0, left);
  narrator.command('tagboat up');
  await platform.start();
  await stage.tell();
  const run = await finishedRun(await platform.client(), project, 'v0.2.0');
  narrator.claim('started again, the run goes on to its end', reasonOf(run) === 'Succeeded', run.status);
  narrator.claim('still one run for the tag', (await stage.runsOf(commit)).length === 1);
  await stage.serves('v0.2.0');
  narrator.claim('and its model serves', (await stage.ask()).status === 200);
}

export async function traceAPrediction(stage: Stage): Promise<void> {
  const { narrator, copy } = stage;
  narrator.scene(
    'Trace a prediction back',
    'Every answer names the model it came from. From there one can walk back to the commit and the data.',
  );
  const { modelDigest } = await stage.ask();
  narrator.note(`x-tagboat-model: ${modelDigest}`);
  const text = await stage.tagboat('trace', modelDigest);
  narrator.output(text.stdout, 12);
  const traced = await stage.platform.cli(['trace', modelDigest, '-o', 'json'], copy.directory);
  const [found] = JSON.parse(traced.stdout) as { commit: string; data: Record<string, string> }[];
  const commit = await copy.git('rev-parse', 'v0.2.0');
  narrator.claim('the commit is the one that was tagged', found?.commit === commit, found);
  const lock = await copy.git('show', 'v0.2.0:tagboat.lock');
  const digest = found?.data.testgrid ?? '';
  narrator.claim('the data is what that commit pins', digest !== '' && lock.includes(digest), {
    digest,
    lock,
  });
  await stage.publish({ tests: 160, jobs: 8, seed: 46 });
  narrator.claim(
    'and its digest is that of the file that was at the URL',
    sha256(stage.grid) === digest,
    digest,
  );
}

export async function inputsDrift(stage: Stage): Promise<void> {
  const { narrator, platform } = stage;
  narrator.scene(
    'Inputs drift',
    `Then somebody asks about tests that fail as no test of the training did. What is asked is compared with what the model
was trained for, each 15 s.`,
  );
  const broken = Array.from({ length: 100 }, (_, at) => ({
    results: Array.from({ length: 40 }, (_result, run) => ((run * 7 + at) % 5 < 3 ? 'FAIL' : 'PASS')),
  }));
  for (const _ of [1, 2, 3]) await stage.ask(broken);
  const found = await until<Model>(
    await platform.client(),
    { type: kinds.Model, namespace: project, what: 'the retraining that drift asks for' },
    ({ status }) =>
      status?.driftRetrain !== undefined && status.lastRetrain?.message.startsWith('drifting') === true,
  );
  const drifting = findCondition(found.status?.conditions, 'Drifting');
  narrator.output((await stage.tagboat('drift', model)).stdout);
  narrator.claim(
    'the model says that its inputs drift, by which feature and how far',
    drifting?.status === 'True' && / psi \d/.test(drifting.message ?? ''),
    drifting,
  );
  narrator.claim(
    'it looked for new data by itself, once, and there was nothing new to learn from',
    found.status?.lastRetrain?.outcome === 'NothingNew',
    found.status?.lastRetrain,
  );
}

export async function rollBack(stage: Stage): Promise<void> {
  const { narrator } = stage;
  narrator.scene('Roll back', 'A release is a commit, so going back is a git revert.');
  const rolled = await stage.tagboat('rollback', '-e', 'staging', '-o', 'json');
  const { from, to, commit } = JSON.parse(rolled.stdout) as { from: string; to: string; commit: string };
  narrator.claim(
    'staging goes back from v0.2.0 to v0.1.1',
    from === 'v0.2.0' && to === 'v0.1.1',
    rolled.stdout,
  );
  await stage.serves('v0.1.1');
  narrator.claim('v0.1.1 answers again', (await stage.ask()).status === 200);
  const url = await stage.platform.gitUrl(project, `${model}-deployment`);
  await stage.copy.git('fetch', '--quiet', url, 'main');
  const message = await stage.copy.git('log', '-1', '--format=%B', commit);
  narrator.output(message);
  narrator.claim('by a revert in the deployment repository', message.startsWith('Revert'), message);
}

async function retrain(stage: Stage): Promise<Retrained> {
  const { stdout, stderr } = await stage.tagboat('retrain', '-o', 'json');
  try {
    return JSON.parse(stdout) as Retrained;
  } catch {
    stage.narrator.claim('retraining ends with an outcome', false, stdout + stderr);
    throw new Error('unreachable');
  }
}

/** Waits until the training of a commit's release has started its kernel. */
async function trainingRuns(stage: Stage, commit: string): Promise<void> {
  const client = await stage.platform.client();
  const task = await until<TaskRun>(
    client,
    { type: kinds.TaskRun, namespace: project, what: 'the training' },
    ({ metadata, status }) =>
      metadata.labels?.['tekton.dev/pipelineTask'] === 'train' &&
      Object.values(metadata.annotations ?? {}).includes(commit) &&
      (status?.steps?.some(({ running }) => running !== undefined) ?? false),
  );
  const pod = { namespace: project, name: task.status?.podName ?? '', container: 'step-train' };
  for await (const text of client.logs(pod, { follow: true })) if (text.includes('[cell 3/')) return;
}

/** What still runs of a platform that was killed. */
async function orphans(home: string): Promise<string[]> {
  // The kernel ends children of what was killed at once, but not in the same instant.
  for (let look = 0; look < 20 && leftovers(home).length > 0; look++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  return leftovers(home);
}
