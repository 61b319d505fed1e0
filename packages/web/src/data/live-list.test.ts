import { type KubernetesObject, kinds } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { expect, test, vi } from 'vitest';
import { Connection } from './connection.ts';
import { LiveList } from './live-list.ts';

const pod = (name: string, resourceVersion: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'demo', resourceVersion },
});

type Event = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubernetesObject } | Error;

/** A platform whose watches say what the test tells them. */
class FakeClient {
  items: KubernetesObject[] = [];
  lists = 0;
  watchedFrom: (string | undefined)[] = [];
  failure: Error | undefined;
  #push: ((event: Event) => void) | undefined;

  async list<T>() {
    this.lists++;
    if (this.failure) throw this.failure;
    return { items: this.items as T[], resourceVersion: String(this.lists * 10) };
  }

  async *watch<T>(_type: unknown, options: { from?: string; signal?: AbortSignal }) {
    this.watchedFrom.push(options.from);
    for (;;) {
      const event = await new Promise<Event>((resolve) => {
        this.#push = resolve;
        options.signal?.addEventListener('abort', () => resolve(new Error('aborted')));
      });
      if (event instanceof Error) throw event;
      yield event as { type: 'ADDED'; object: T };
    }
  }

  async say(event: Event): Promise<void> {
    await vi.waitFor(() => expect(this.#push).toBeDefined());
    this.#push!(event);
    this.#push = undefined;
  }
}

function open(client: FakeClient) {
  const connection = new Connection();
  const list = new LiveList({ client: client as never, connection, type: kinds.Pod, query: {} });
  const names = () => list.current().items.map(({ metadata }) => metadata.name);
  return { connection, list, names };
}

test('lists, then follows from where the list was', async () => {
  const client = new FakeClient();
  client.items = [pod('a', '1')];
  const { list, names } = open(client);
  expect(list.current().status).toBe('loading');
  await vi.waitFor(() => expect(names()).toEqual(['a']));
  await client.say({ type: 'ADDED', object: pod('b', '11') });
  await vi.waitFor(() => expect(names()).toEqual(['a', 'b']));
  await client.say({ type: 'DELETED', object: pod('a', '12') });
  await vi.waitFor(() => expect(names()).toEqual(['b']));
  expect(client.watchedFrom).toEqual(['10']);
  list.close();
});

test('an expired watch lists again at once, without calling the connection lost', async () => {
  const client = new FakeClient();
  const { list, connection, names } = open(client);
  client.items = [pod('late', '5')];
  await client.say(new TagboatError('too old', { reason: 'Expired' }));
  await vi.waitFor(() => expect(names()).toEqual(['late']));
  expect(connection.current().lost).toBe(false);
  list.close();
});

test('a lost connection is reported, keeps what is known, and heals', async () => {
  const client = new FakeClient();
  client.items = [pod('a', '1')];
  const { list, connection, names } = open(client);
  await vi.waitFor(() => expect(names()).toEqual(['a']));
  client.failure = new TagboatError('gone', { reason: 'Unavailable' });
  await client.say(client.failure);
  await vi.waitFor(() => expect(connection.current().lost).toBe(true));
  expect(names()).toEqual(['a']);
  client.failure = undefined;
  client.items = [pod('a', '1'), pod('new', '9')];
  await vi.waitFor(() => {
    connection.retryNow();
    expect(names()).toEqual(['a', 'new']);
  });
  expect(connection.current().lost).toBe(false);
  list.close();
});

test('a platform that answers with an error is told apart from one that cannot be reached', async () => {
  const client = new FakeClient();
  client.failure = new TagboatError('the disk is full', { reason: 'InternalError' });
  const { list, connection } = open(client);
  await vi.waitFor(() =>
    expect(connection.current()).toMatchObject({ lost: true, said: 'the disk is full' }),
  );
  client.failure = undefined;
  await vi.waitFor(() => {
    connection.retryNow();
    expect(connection.current().lost).toBe(false);
  });
  expect(connection.current().said).toBeUndefined();
  list.close();
});

test('what may not be read is said, and not asked for again', async () => {
  const client = new FakeClient();
  client.failure = new TagboatError('not yours', { reason: 'Forbidden' });
  const { list } = open(client);
  await vi.waitFor(() => expect(list.current().status).toBe('failed'));
  expect(list.current().error?.message).toBe('not yours');
  expect(client.lists).toBe(1);
});
