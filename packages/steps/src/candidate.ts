import { join } from 'node:path';
import { shortHash } from '@tagboat/base';
import { git, lsRemote } from '@tagboat/git-client';
import { lockRequest } from '@tagboat/python';
import type { StepContext } from './context.ts';
import { isFetched, snapshot, trackedDigest } from './data.ts';
import { deployedRelease } from './deployment.ts';
import { environmentOf, requestOf } from './environment.ts';
import { lockFileName, readLockFile, withPinned } from './lock-file.ts';

/**
 * Looks at the data anew. Where it differs from what the deployed model was made from, commits a candidate that pins
 * it and the versions of the packages, on `refs/tagboat/candidates/<model>/<id>`; the id follows from the data and the branch, so that the same is never
 * tried twice.
 */
export async function candidate(context: StepContext): Promise<void> {
  const commit = await context.commit();
  const model = await context.model(commit);
  const lockText = await commit.readText(lockFileName);
  const pinned = readLockFile(lockText).models[model.name]?.data ?? {};
  const data: Record<string, string> = {};
  for (const source of model.spec.data) {
    if (!isFetched(source)) data[source.name] = await trackedDigest(commit, model, source);
    else if (source.refresh === 'never' && pinned[source.name]) data[source.name] = pinned[source.name]!;
    else data[source.name] = await snapshot(context, commit, { model, source });
  }
  const deployed = await deployedRelease(context, model);
  const before = deployed ? (JSON.parse(deployed.data) as Record<string, string>) : pinned;
  const changed = Object.keys(data).filter((name) => data[name] !== before[name]);
  if (changed.length === 0) return nothingNew(context, 'the data is what the deployed model was made from');
  const url = context.get('TAGBOAT_REPOSITORY_URL');
  const id = shortHash([commit.id, JSON.stringify(data)], 12);
  const ref = `refs/tagboat/candidates/${model.name}/${id}`;
  const { refs } = await lsRemote(url, await context.credentialsFor(url));
  if (refs[ref]) return nothingNew(context, `the same data was tried before, as candidate ${id}`, refs[ref]);
  context.say(`changed: ${changed.join(', ')}`);
  const { requires, lock } = await lockRequest(await requestOf(context, environmentOf(commit, model)));
  const made = await commitOnTop(context, commit.id, {
    text: withPinned(lockText, model.name, { data, environment: { requires, packages: lock } }),
    message: `Retrain ${model.name}: ${changed.join(', ')}\n\nTagboat-Run: ${context.get('TAGBOAT_RUN')}\n`,
  });
  await git(['push', '--quiet', '--', url, `${made}:${ref}`], {
    cwd: context.repository,
    ...(await context.credentialsFor(url)),
  });
  context.say(`candidate ${made.slice(0, 10)}`);
  await context.result('outcome', 'Candidate');
  await context.result('commit', made);
}

async function nothingNew(context: StepContext, why: string, commit = ''): Promise<void> {
  context.say(`nothing new: ${why}`);
  await context.result('outcome', 'NothingNew');
  await context.result('commit', commit);
}

/** A commit with the lock file changed and nothing else; made again for the same run it is the same commit. */
async function commitOnTop(
  context: StepContext,
  parent: string,
  { text, message }: { text: string; message: string },
): Promise<string> {
  const cwd = context.repository;
  // Its own each time: one that was killed left the lock of its index.
  const index = join(await context.directory('candidate'), 'index');
  const say = async (
    args: readonly string[],
    options: { stdin?: string; environment?: Record<string, string> } = {},
  ) => (await git(args, { cwd, ...options })).stdout.toString('utf8').trim();
  const date = await say(['log', '-1', '--format=%cI', parent]);
  const environment = { GIT_INDEX_FILE: index, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  const blob = await say(['hash-object', '-w', '--stdin'], { stdin: text });
  await say(['read-tree', parent], { environment });
  await say(['update-index', '--add', '--cacheinfo', `100644,${blob},${lockFileName}`], { environment });
  const tree = await say(['write-tree'], { environment });
  return say(['commit-tree', tree, '-p', parent, '-F', '-'], { stdin: message, environment });
}
