import {
  type ConfigMap,
  keyOf,
  kinds,
  type Notebook,
  notebookAnnotations,
  type Repository,
  workbenchPath,
} from '@tagboat/api';
import { type Clock, notFound, timestamp } from '@tagboat/base';
import { createIfAbsent, mutate, type ResourceStore } from '@tagboat/store';
import type { FastifyInstance } from 'fastify';
import { buildWorkbench, type WorkbenchRequest } from './build-notebook.ts';
import { snapshotFinalizer, snapshotRepository, snapshotTag } from './deletion.ts';
import { startWorkbench, ticketParameter } from './gate.ts';
import { parseProfiles } from './parse-profiles.ts';
import type { Passes } from './passes.ts';
import { defaultProfiles, type Profile } from './profiles.ts';
import { type FollowLog, progressOf } from './progress.ts';
import type { WorkbenchTable } from './workbench-table.ts';

export interface WorkbenchRoutesOptions {
  readonly store: ResourceStore;
  readonly table: WorkbenchTable;
  readonly passes: Passes;
  readonly followLog: FollowLog;
  readonly clock: Clock;
  /** Of the apps port, under the host name that workbenches have. */
  readonly workbenchesUrl: () => string;
  /** Who commits in a workbench that names nobody. */
  readonly gitUser: () => Promise<WorkbenchRequest['user']>;
  /** Where snapshots go. */
  readonly registry: () => string;
}

interface Named {
  Params: { namespace: string; name: string };
}

/** The ConfigMap of a project with its own `profileList`. */
export const profilesConfigMap = 'workbench-profiles';

/** What spawner pages and the CLI ask for; for the owner alone, which whoever registers this has made sure of. */
export async function workbenchRoutes(
  scope: FastifyInstance,
  options: WorkbenchRoutesOptions,
): Promise<void> {
  const { store, clock } = options;
  scope.get<{ Querystring: { namespace?: string } }>('/profiles', async ({ query }) => ({
    profileList: await profilesOf(store, query.namespace ?? ''),
  }));
  scope.post<{ Body: WorkbenchRequest }>('/', async (request, reply) => {
    const user = request.body.user ?? (await options.gitUser());
    const notebook = await create(store, { ...request.body, ...(user ? { user } : {}) });
    return reply.code(201).send(notebook);
  });
  scope.post<Named>('/:namespace/:name/start', async ({ params }) => {
    await startWorkbench(store, await existing(store, params), clock);
    return {};
  });
  scope.post<Named>('/:namespace/:name/stop', async ({ params }) => {
    const notebook = await existing(store, params);
    await mutate<Notebook>(store, keyOf(kinds.Notebook, notebook), (draft) => {
      const annotations = draft.metadata.annotations ?? {};
      if (annotations[notebookAnnotations.stopped] !== undefined) return false;
      draft.metadata.annotations = { ...annotations, [notebookAnnotations.stopped]: timestamp(clock) };
      return undefined;
    });
    return {};
  });
  scope.delete<Named & { Querystring: { discard?: string } }>(
    '/:namespace/:name',
    async ({ params, query }) => {
      const removed = await remove(store, await existing(store, params), query.discard === 'true');
      const { namespace, name } = params;
      return {
        snapshot: `${options.registry()}/${snapshotRepository(namespace, name)}:${snapshotTag(removed)}`,
      };
    },
  );
  scope.post<Named>('/:namespace/:name/open', async ({ params }) => ({
    url: await openUrl(options, params),
  }));
  scope.get<Named>('/:namespace/:name/progress', (request, reply) => {
    const gone = new AbortController();
    reply.raw.on('close', () => gone.abort());
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const telling = async () => {
      for await (const event of progressOf(options, request.params, gone.signal))
        reply.raw.write(`data: ${JSON.stringify(event)}\n\n`);
      reply.raw.end();
    };
    // Past the answer's beginning there is nobody to tell, and nobody may end this process by it.
    telling().catch((error: unknown) => reply.raw.destroy(error as Error));
  });
}

async function profilesOf(store: ResourceStore, namespace: string): Promise<readonly Profile[]> {
  const key = { type: kinds.ConfigMap, namespace, name: profilesConfigMap };
  const own = namespace ? await store.get<ConfigMap>(key) : undefined;
  const text = own?.data?.profileList;
  return text === undefined
    ? defaultProfiles
    : parseProfiles(text, `ConfigMap ${namespace}/${profilesConfigMap}`);
}

async function create(store: ResourceStore, request: WorkbenchRequest): Promise<Notebook> {
  const { namespace, repository } = request;
  const { claim, notebook } = buildWorkbench(request, await profilesOf(store, namespace));
  const place = { type: kinds.Namespace, namespace: '', name: namespace };
  if (!(await store.get(place))) throw notFound(`there is no project "${namespace}"`);
  if (repository) {
    const key = { type: kinds.Repository, namespace, name: repository };
    if (!(await store.get<Repository>(key)))
      throw notFound(`there is no repository ${namespace}/${repository}`);
  }
  await createIfAbsent(store, keyOf(kinds.PersistentVolumeClaim, claim), claim);
  return store.create(notebook);
}

async function existing(store: ResourceStore, { namespace, name }: Named['Params']): Promise<Notebook> {
  const notebook = await store.get<Notebook>({ type: kinds.Notebook, namespace, name });
  if (!notebook) throw notFound(`there is no workbench ${namespace}/${name}`);
  return notebook;
}

/** @returns the workbench as it is while it is being deleted */
async function remove(store: ResourceStore, notebook: Notebook, discard: boolean): Promise<Notebook> {
  const key = keyOf(kinds.Notebook, notebook);
  await mutate<Notebook>(store, key, (draft) => {
    draft.metadata.annotations = {
      ...draft.metadata.annotations,
      [notebookAnnotations.onDelete]: discard ? 'discard' : 'delete',
    };
    if (!draft.metadata.deletionTimestamp)
      draft.metadata.finalizers = [...new Set([...(draft.metadata.finalizers ?? []), snapshotFinalizer])];
  });
  await store.delete(key);
  return (await store.get<Notebook>(key)) ?? notebook;
}

/** Where a browser opens a workbench, with a ticket that is good once. @throws `NotFound` */
export async function openUrl(
  options: WorkbenchRoutesOptions,
  { namespace, name }: Named['Params'],
): Promise<string> {
  const notebook = await existing(options.store, { namespace, name });
  const ticket = options.passes.ticket({ namespace, name, uid: notebook.metadata.uid ?? '' });
  return `${options.workbenchesUrl()}${workbenchPath(namespace, name)}?${ticketParameter}=${ticket}`;
}
