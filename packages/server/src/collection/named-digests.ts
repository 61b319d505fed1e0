import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  type KubernetesObject,
  kinds,
  type PipelineRun,
  type Pod,
  type Repository,
  type TaskRun,
  type TypeRegistry,
} from '@tagboat/api';
import { entriesIn, TagboatError } from '@tagboat/base';
import type { Hosting } from '@tagboat/git';
import { matchesInFiles, matchesInHistory } from '@tagboat/git-client';
import { digestPattern, digestsIn } from '@tagboat/registry';
import type { ObjectStore } from '@tagboat/store';

export interface NamedDigestsOptions {
  readonly store: ObjectStore;
  readonly types: TypeRegistry;
  readonly hosting: Hosting;
  readonly home: string;
  /** Runs that ended before then (milliseconds since the epoch) name nothing any more. */
  readonly endedBefore: number;
  readonly signal: AbortSignal;
}

/**
 * Every digest that an object or a repository names: what is released now or can be rolled back to, what experiments
 * record, what runs, and what somebody wrote down by hand.
 * @throws where something cannot be read: then nobody knows what it names
 */
export async function namedDigests(options: NamedDigestsOptions): Promise<Set<string>> {
  const named = new Set<string>();
  for await (const text of textsOfObjects(options)) for (const digest of digestsIn(text)) named.add(digest);
  for (const { directory, hasHistory } of await repositories(options)) {
    const found = hasHistory
      ? await matchesInHistory(directory, digestPattern, options.signal)
      : await matchesInFiles(directory, digestPattern, options.signal);
    for (const digest of found) named.add(digest);
  }
  return named;
}

/** So many texts are read in one turn. */
const inOneTurn = 500;

async function* textsOfObjects({ store, types, endedBefore }: NamedDigestsOptions) {
  let count = 0;
  for (const type of types.all()) {
    const canEnd = [kinds.PipelineRun, kinds.TaskRun].some(({ plural }) => plural === type.plural);
    for (const text of (await store.listText(type)).texts) {
      if (++count % inOneTurn === 0) await setImmediate();
      if (!canEnd || !isOver(JSON.parse(text) as PipelineRun | TaskRun, endedBefore)) yield text;
    }
  }
}

const isOver = ({ status }: PipelineRun | TaskRun, before: number): boolean =>
  status?.completionTime !== undefined && Date.parse(status.completionTime) < before;

/** Clones on this machine. What was ever released is in the history of what is deployed from; others name what they use. */
async function repositories({ store, hosting, home }: NamedDigestsOptions) {
  const applications = await store.list<KubernetesObject>(kinds.Application);
  const sources = JSON.stringify(applications.items.map(({ spec }) => spec));
  const known = (await store.list<Repository>(kinds.Repository)).items.map(({ metadata, spec }) => {
    const { namespace = '', name } = metadata;
    const isDeployedFrom =
      spec?.role === 'deployment' ||
      [spec?.url, `/git/${namespace}/${name}.git`].some((url) => url !== undefined && sources.includes(url));
    return { directory: hosting.path(namespace, name), hasHistory: isDeployedFrom, name, url: spec?.url };
  });
  const missing = known.find(({ directory, hasHistory, url }) => hasHistory && url && !existsSync(directory));
  if (missing)
    throw new TagboatError(`the repository ${missing.name} (${missing.url}) was not fetched yet`, {
      reason: 'Unavailable',
      hint: 'what was released is named in it',
    });
  const mirrors = join(home, 'git', '.mirrors');
  const others = await entriesIn(mirrors);
  return [
    ...known.filter(({ directory }) => existsSync(directory)),
    ...others.map(({ name }) => ({ directory: join(mirrors, name), hasHistory: true })),
  ];
}

/** The hex of the digests of images that pods which have not ended name. */
export async function imagesInUse(store: ObjectStore): Promise<Set<string>> {
  const { items } = await store.list<Pod>(kinds.Pod);
  const live = items.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  return new Set(digestsIn(JSON.stringify(live)).map((digest) => digest.slice('sha256:'.length)));
}

/** Since when something runs that may use an environment, in milliseconds since the epoch: a run, or a pod that has them. */
export async function oldestUserOf(store: ObjectStore, claim: string): Promise<number> {
  const [pods, runs, tasks] = await Promise.all([
    store.list<Pod>(kinds.Pod),
    store.list<PipelineRun>(kinds.PipelineRun),
    store.list<TaskRun>(kinds.TaskRun),
  ]);
  const users: KubernetesObject[] = [
    ...pods.items.filter(
      ({ spec, status }) =>
        status?.phase !== 'Succeeded' &&
        status?.phase !== 'Failed' &&
        spec?.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === claim),
    ),
    ...[...runs.items, ...tasks.items].filter(({ status }) => !status?.completionTime),
  ];
  const times = users.map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? ''));
  return Math.min(Number.POSITIVE_INFINITY, ...times.map((time) => (Number.isNaN(time) ? 0 : time)));
}
