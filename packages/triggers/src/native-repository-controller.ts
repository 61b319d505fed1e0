import {
  describeKey,
  githubAppSecret,
  type KubernetesObject,
  keyOf,
  kinds,
  type PipelineRun,
  type PipelinesAsCodeRepository,
  type PipelinesAsCodeSpec,
  type Repository,
  type RepositorySpec,
  type ResourceKey,
} from '@tagboat/api';
import { type Clock, canonicalJson, type Logger } from '@tagboat/base';
import { Controller, EventRecorder, type EventText } from '@tagboat/controller';
import { runLabels } from '@tagboat/render';
import { createIfAbsent, mutate, type ResourceStore } from '@tagboat/store';
import { recordRuns } from './native-run-status.ts';

/** On a Repository: the object of Pipelines-as-Code that says what it does. */
export const nativeAnnotation = 'tagboat.dev/pipelines-as-code-repository';

export interface NativeRepositoryOptions {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** The repository of this platform that a URL names. */
  readonly hostedAt: (url: string) => { namespace: string; name: string } | undefined;
  /** The console's page of a run. */
  readonly page: (project: string, run: string) => string;
}

const fields = ['concurrency_limit', 'params', 'incoming', 'settings', 'git_provider'] as const;

/**
 * Acts on `Repository` objects of Pipelines-as-Code: each becomes a Repository of this platform, of the same name, that
 * follows its URL; one whose URL is of this platform says how the repository that is hosted here behaves. What its runs
 * came to stands in its `pipelinerun_status`.
 */
export function nativeRepositoryController(options: NativeRepositoryOptions): Controller {
  const { store, clock, log } = options;
  const events = new EventRecorder({ store, clock, log, component: 'pipelines-as-code' });
  const told = new Map<string, string>();
  /** Once, and again when it is another: an event for each run would be noise. */
  const tell = (native: PipelinesAsCodeRepository, text: EventText) => {
    const key = `${native.metadata.uid} ${text.reason}`;
    if (told.get(key) === text.message) return;
    told.set(key, text.message);
    events.record(native, text);
  };
  const natives = async (namespace: string) => {
    const { items } = await store.list<PipelinesAsCodeRepository>(kinds.PipelinesAsCodeRepository, {
      namespace,
    });
    return items.map((item) => keyOf(kinds.PipelinesAsCodeRepository, item));
  };
  const ofProject = ({ metadata }: KubernetesObject) => natives(metadata.namespace ?? '');
  return new Controller({
    name: 'native-repositories',
    reader: store,
    type: kinds.PipelinesAsCodeRepository,
    clock,
    log,
    watches: [
      { type: kinds.Repository, keys: ofProject },
      {
        type: kinds.PipelineRun,
        keys: (run) =>
          (run as PipelineRun).status?.completionTime && run.metadata.labels?.[runLabels.repository]
            ? ofProject(run)
            : [],
      },
    ],
    reconciler: { reconcile: (key) => reconcile(options, tell, key) },
  });
}

async function reconcile(
  options: NativeRepositoryOptions,
  tell: (native: PipelinesAsCodeRepository, text: EventText) => void,
  key: ResourceKey,
): Promise<undefined> {
  const { store } = options;
  const native = await store.get<PipelinesAsCodeRepository>(key);
  if (!native) return release(store, key);
  const found = await adopt(options, native);
  if ('problem' in found) {
    tell(native, { type: 'Warning', reason: 'RepositoryNotFollowed', message: found.problem });
    return undefined;
  }
  for (const message of found.notices)
    tell(native, { type: 'Warning', reason: 'RepositorySettings', message });
  await recordRuns(options, native, found.target);
  return undefined;
}

type Adopted = { target: ResourceKey; notices: readonly string[] } | { problem: string };

/** Makes or changes the Repository that an object stands for. */
async function adopt(options: NativeRepositoryOptions, native: PipelinesAsCodeRepository): Promise<Adopted> {
  const { store } = options;
  const { namespace = '', name } = native.metadata;
  const spec = native.spec ?? {};
  const { url = '' } = spec;
  if (await isTaken(store, native)) return { problem: `repository already exists with URL: ${url}` };
  const hosted = options.hostedAt(url);
  if (hosted && hosted.namespace !== namespace)
    return {
      problem: `${url} belongs to the project ${hosted.namespace}: create this object there`,
    };
  const target = { type: kinds.Repository, namespace, name: hosted?.name ?? name };
  const existing = await store.get<Repository>(target);
  if (!existing && hosted) return { problem: `nothing was pushed to ${url} yet` };
  const isOwn = existing?.metadata.annotations?.[nativeAnnotation] === name;
  if (existing && !isOwn && !hosted && existing.spec?.url !== url)
    return {
      problem: `${describeKey(target)} is another repository, ${existing.spec?.url ?? 'hosted here'}: give this object another name`,
    };
  if (!existing) await createIfAbsent<Repository>(store, target, mirrorOf(native));
  await mutate<Repository>(store, target, (draft) => {
    const before = canonicalJson([draft.spec, draft.metadata.annotations]);
    draft.spec = { ...draft.spec, ...(hosted ? {} : { url }) };
    for (const field of fields) {
      if (spec[field] === undefined) delete draft.spec[field];
      else Object.assign(draft.spec, { [field]: spec[field] });
    }
    if (!hosted) setApp(draft.spec, spec);
    draft.metadata.annotations = { ...draft.metadata.annotations, [nativeAnnotation]: name };
    return canonicalJson([draft.spec, draft.metadata.annotations]) === before ? false : undefined;
  });
  return { target, notices: hosted ? [] : await noticesOf(store, native) };
}

/** Without a `git_provider` upstream's App at GitHub is meant. */
const isOfApp = ({ git_provider: provider, url = '' }: PipelinesAsCodeSpec): boolean =>
  !provider && /(^|\.)github\./.test(new URL(url).hostname);

function setApp(draft: RepositorySpec, spec: PipelinesAsCodeSpec): void {
  if (isOfApp(spec)) draft.forge ??= { type: 'github', app: { secretName: githubAppSecret.name } };
  else if (draft.forge?.app?.secretName === githubAppSecret.name) delete draft.forge;
}

/** True where an older object has the same URL: one of them acts. */
async function isTaken(store: ResourceStore, native: PipelinesAsCodeRepository): Promise<boolean> {
  const { items } = await store.list<PipelinesAsCodeRepository>(kinds.PipelinesAsCodeRepository);
  const age = ({ metadata }: KubernetesObject) =>
    `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;
  return items.some(
    (other) =>
      other.spec?.url === native.spec?.url &&
      other.metadata.uid !== native.metadata.uid &&
      age(other) < age(native),
  );
}

function mirrorOf(native: PipelinesAsCodeRepository): Repository {
  const { namespace = '', name, uid = '' } = native.metadata;
  const { apiVersion, kind } = native;
  return {
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'Repository',
    metadata: {
      name,
      namespace,
      annotations: { [nativeAnnotation]: name },
      ownerReferences: [{ apiVersion, kind, name, uid, controller: true }],
    },
    spec: { ...native.spec, role: 'source' },
  };
}

async function noticesOf(
  store: ResourceStore,
  { spec = {}, metadata }: PipelinesAsCodeRepository,
): Promise<string[]> {
  if (spec.git_provider?.secret) return [];
  const { name, namespace } = githubAppSecret;
  for (const place of isOfApp(spec) ? [metadata.namespace ?? '', namespace] : [])
    if (await store.get({ type: kinds.Secret, namespace: place, name })) return [];
  const orApp = isOfApp(spec)
    ? `, or a GitHub App: the Secret "${name}" in ${namespace} with github-application-id, github-private-key and webhook.secret`
    : '';
  return [
    `pushes and tags of ${spec.url} are followed by looking at it; its pull requests and commit statuses need git_provider with type and secret${orApp}`,
  ];
}

/** A repository that was not made for a deleted object stays, without what that said. */
async function release(store: ResourceStore, key: ResourceKey): Promise<undefined> {
  const { items } = await store.list<Repository>(kinds.Repository, { namespace: key.namespace });
  for (const repository of items) {
    const { annotations = {}, ownerReferences = [] } = repository.metadata;
    const owned = ownerReferences.some(({ kind, name }) => kind === 'Repository' && name === key.name);
    if (annotations[nativeAnnotation] !== key.name || owned) continue;
    await mutate<Repository>(store, keyOf(kinds.Repository, repository), (draft) => {
      for (const field of fields) delete draft.spec?.[field];
      delete draft.metadata.annotations?.[nativeAnnotation];
    });
  }
  return undefined;
}
