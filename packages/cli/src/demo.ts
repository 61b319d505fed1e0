import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Condition,
  findCondition,
  type KubernetesObject,
  keyOf,
  kinds,
  type PipelineRun,
} from '@tagboat/api';
import { delay, describeError, formatDuration, notFound, systemClock, TagboatError } from '@tagboat/base';
import { type Client, until } from '@tagboat/client';
import { commitFiles, lsRemote, type WorkingTree } from '@tagboat/git-client';
import { compareTags, nextTag, releaseAnnotations, runAnnotations, runLabels } from '@tagboat/render';
import pc from 'picocolors';
import { failureOf, followRun, standardOutput } from './live.ts';
import { say } from './output.ts';
import { examplesDirectory } from './paths.ts';
import { ensureRepository, gitAccess, hostedRepository } from './session.ts';

const project = 'demo';
const name = 'flaky-tests';
const dataPath = 'data/raw/testgrid.json.gz';
const question = {
  name: 'login works',
  results: ['PASS', 'FAIL', 'PASS', 'PASS', 'FLAKY', 1, 1, 1, 12, 1, 1, 1],
};
const readyTimeout = 180_000;

type Service = KubernetesObject<
  unknown,
  { conditions?: Condition[]; observedGeneration?: number; url?: string }
>;

/** Takes the demo project from a pushed tag to an answer of the served model. @returns whether it answered */
export async function runDemo(
  client: Client,
  { data, signal, appsUrl }: { data?: string | undefined; signal: AbortSignal; appsUrl: string },
): Promise<boolean> {
  const started = systemClock.monotonic();
  try {
    const { tag, commit } = await pushDemo(client, data);
    const run = await runOf(client, commit, signal);
    if (!run.status?.completionTime) say(`${pc.bold(`${name} ${tag}`)}: ${run.metadata.name}`);
    const done = run.status?.completionTime
      ? run
      : await followRun(client, keyOf(kinds.PipelineRun, run), { ...standardOutput(), signal });
    if (findCondition(done.status?.conditions, 'Succeeded')?.status !== 'True')
      throw new TagboatError(`the run failed: ${await failureOf(client, done)}`, {
        reason: 'RunFailed',
        hint: `see: tagboat logs ${run.metadata.name}`,
      });
    await answer(client, { appsUrl, tag, signal });
    say(pc.dim(`from start to answer: ${formatDuration(systemClock.monotonic() - started)}`));
    return true;
  } catch (error) {
    if (!signal.aborted) process.stderr.write(`error: ${describeError(error)}\n`);
    return false;
  }
}

/** Pushes the example and its tag where the repository is empty; with `data`, that file and a tag where it is new. */
async function pushDemo(client: Client, data: string | undefined): Promise<{ tag: string; commit: string }> {
  const url = `${client.url}/git/${project}/${name}.git`;
  const bytes = data ? await readFile(data).catch(() => undefined) : undefined;
  if (data && !bytes) throw notFound(`there is no file ${data}`);
  await ensureRepository(client, project, hostedRepository(project, name));
  const before = await lsRemote(url, gitAccess(client));
  const tags = newestFirst(before.refs ?? {});
  const isEmpty = before.refs['refs/heads/main'] === undefined;
  const newest = tags[0];
  if (!isEmpty && !bytes && newest) return { tag: newest, commit: before.refs[`refs/tags/${newest}`]! };
  const tag = nextTag(tags);
  const { commit, changed } = await commitFiles({
    url,
    branch: 'main',
    ...gitAccess(client),
    author: { name: 'Demo', email: 'demo@localhost' },
    message: isEmpty ? 'Flaky tests' : `Data from ${data}`,
    alsoTo: `refs/tags/${tag}`,
    change: async (tree) => {
      if (tree.parent === undefined) await copyExample(tree);
      if (bytes) await tree.write(dataPath, bytes);
    },
  });
  if (changed) {
    say(`pushed ${pc.bold(tag)} to ${url}`);
    return { tag, commit };
  }
  const known = newest ?? tag;
  return { tag: known, commit: before.refs[`refs/tags/${known}`] ?? commit };
}

const newestFirst = (refs: Readonly<Record<string, string>>) =>
  Object.keys(refs)
    .flatMap((ref) => (ref.startsWith('refs/tags/') ? [ref.slice('refs/tags/'.length)] : []))
    .filter((tag) => /^v?\d/.test(tag))
    .sort((a, b) => compareTags(b, a) ?? 0);

async function copyExample(tree: WorkingTree): Promise<void> {
  const root = join(examplesDirectory, name);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(root.length + 1);
    if (!entry.isFile() || /(^|\/)(__pycache__|\.ipynb_checkpoints|models|reports)\//.test(path)) continue;
    await tree.write(path, await readFile(join(root, path)));
  }
}

function runOf(client: Client, commit: string, signal: AbortSignal): Promise<PipelineRun> {
  return until(
    client,
    {
      type: kinds.PipelineRun,
      namespace: project,
      labelSelector: `${runLabels.kind}=release`,
      what: 'the start of the run',
      timeout: 60_000,
      hint: 'see: tagboat status',
      signal,
    },
    ({ metadata }) => metadata.annotations?.[runAnnotations.commit] === commit,
  );
}

async function answer(
  client: Client,
  { appsUrl, tag, signal }: { appsUrl: string; tag: string; signal: AbortSignal },
): Promise<void> {
  const namespace = `${project}-staging`;
  await ready(client, { namespace, tag, signal });
  const url = `${appsUrl}/${namespace}/${name}`;
  const body = JSON.stringify(question);
  const response = await fetch(`${url}/predict`, { method: 'POST', body, signal });
  const text = await response.text();
  if (!response.ok)
    throw new TagboatError(`the model answered ${response.status}: ${text}`, { reason: 'PredictionFailed' });
  say(`\n${pc.bold(`${name} ${tag} is live`)}: ${url}/\n`);
  say(`  curl ${url}/predict -d '${body}'\n`);
  say(`${JSON.stringify(JSON.parse(text), null, 2)}\n`);
}

/** Waits until the released version serves. */
async function ready(
  client: Client,
  { namespace, tag, signal }: { namespace: string; tag: string; signal: AbortSignal },
): Promise<void> {
  const end = systemClock.monotonic() + readyTimeout;
  let message = 'nothing is deployed';
  let said = 0;
  while (systemClock.monotonic() < end && !signal.aborted) {
    const service = await client.get<Service>({ type: kinds.InferenceService, namespace, name });
    const condition = findCondition(service?.status?.conditions, 'Ready');
    const released = service?.metadata.annotations?.[releaseAnnotations.tag] ?? '';
    const current = service?.status?.observedGeneration === service?.metadata.generation;
    if (condition?.status === 'True' && current && (compareTags(released, tag) ?? 0) >= 0) return;
    message = condition?.message || condition?.reason || message;
    if (++said % 15 === 0) say(pc.dim(`waits for ${namespace}/${name}: ${message}`));
    await delay(systemClock, 200, signal);
  }
  throw new TagboatError(`${tag} did not become ready within ${formatDuration(readyTimeout)}: ${message}`, {
    reason: 'Timeout',
    hint: `see: tagboat apps, tagboat logs ${name}`,
  });
}
