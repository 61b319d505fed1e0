import { findCondition, kinds, type Notebook, type ResourceKey } from '@tagboat/api';
import { notFound, TagboatError } from '@tagboat/base';
import { type Client, splitLines } from '@tagboat/client';
import { currentRepository } from './session.ts';

const root = '/tagboat/workbenches';

/** Project and name of the workbench that is meant: by name, or because there is no other. @throws `NotFound` */
export async function findWorkbench(
  client: Client,
  name: string | undefined,
  project: string | undefined,
): Promise<Notebook> {
  const here = await currentRepository(client);
  const [first, second] = (name ?? '').split('/');
  const plain = second ?? first;
  const namespace = project ?? (second ? first : undefined);
  const { items } = await client.list<Notebook>(kinds.Notebook, namespace ? { namespace } : {});
  const named = plain ? items.filter(({ metadata }) => metadata.name === plain) : items;
  const own = named.filter(({ metadata }) => metadata.namespace === here?.project);
  const found = named.length > 1 ? own : named;
  if (found.length === 1) return found[0]!;
  const known = items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).join(', ');
  throw notFound(plain ? `there is no workbench "${plain}"` : 'which workbench?', {
    hint: known ? `there are ${known}` : 'make one with: tagboat workbench create',
  });
}

export const workbenchKey = ({ metadata }: Notebook): ResourceKey => ({
  type: kinds.Notebook,
  namespace: metadata.namespace ?? '',
  name: metadata.name,
});

const pathOf = ({ metadata }: Notebook, action: string) =>
  `${root}/${metadata.namespace}/${metadata.name}/${action}`;

export async function createWorkbench(client: Client, request: unknown): Promise<Notebook> {
  return (await client.request('POST', `${root}/`, request)).json() as Promise<Notebook>;
}

export async function act(client: Client, notebook: Notebook, action: 'start' | 'stop'): Promise<void> {
  await client.request('POST', pathOf(notebook, action), {});
}

export async function openUrl(client: Client, notebook: Notebook): Promise<string> {
  const answer = (await (await client.request('POST', pathOf(notebook, 'open'), {})).json()) as {
    url: string;
  };
  return answer.url;
}

export async function deleteWorkbench(
  client: Client,
  { metadata }: Notebook,
  discard: boolean,
): Promise<{ snapshot: string }> {
  const path = `${root}/${metadata.namespace}/${metadata.name}?discard=${discard}`;
  return (await client.request('DELETE', path)).json() as Promise<{ snapshot: string }>;
}

interface Progress {
  readonly progress: number;
  readonly message: string;
  readonly phase: string;
  readonly ready?: true;
  readonly failed?: true;
}

/** Follows a start to its end, telling each step. @throws `StartFailed` */
export async function followStart(
  client: Client,
  notebook: Notebook,
  tell: (message: string) => void,
): Promise<void> {
  const response = await client.request('GET', pathOf(notebook, 'progress'));
  const decoder = new TextDecoder();
  const text = (async function* () {
    for await (const chunk of response.body ?? [])
      yield decoder.decode(chunk as Uint8Array, { stream: true });
  })();
  for await (const line of splitLines(text)) {
    if (!line.startsWith('data: ')) continue;
    const event = JSON.parse(line.slice(6)) as Progress;
    if (event.ready) return;
    if (event.failed)
      throw new TagboatError(`the workbench does not start (${event.phase}): ${event.message}`, {
        reason: 'StartFailed',
      });
    tell(event.message);
  }
  throw new TagboatError('the platform ended while the workbench started', { reason: 'Unavailable' });
}

/** Waits until a workbench is gone, telling what is done meanwhile. */
export async function followDeletion(
  client: Client,
  notebook: Notebook,
  tell: (message: string) => void,
): Promise<void> {
  const ended = new AbortController();
  const key = workbenchKey(notebook);
  const current = await client.get<Notebook>(key);
  if (current?.metadata.uid !== notebook.metadata.uid) return;
  const from = current?.metadata.resourceVersion ?? '';
  let said = '';
  const changes = client.watch<Notebook>(kinds.Notebook, {
    namespace: key.namespace,
    from,
    signal: ended.signal,
  });
  for await (const { type, object } of changes) {
    if (object.metadata.uid !== notebook.metadata.uid) continue;
    if (type === 'DELETED') break;
    const message = findCondition(object.status?.conditions, 'Ready')?.message ?? '';
    if (message && message !== said) tell(message);
    said = message;
  }
  ended.abort();
}

export const phaseOf = (notebook: Notebook) =>
  findCondition(notebook.status?.conditions, 'Ready')?.reason ?? 'Starting';
