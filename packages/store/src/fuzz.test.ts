import { type KubernetesObject, kinds, matchesLabels, parseSelector, type ResourceKey } from '@tagboat/api';
import { isReason } from '@tagboat/base';
import { expect, test } from 'vitest';
import { ObjectStore } from './index.ts';
import type { Query } from './types.ts';

/** Numbers that look random and are the same for the same seed (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below) | 0;
  };
}

const namespaces = ['a', 'b', 'a-b'];
const type = kinds.ConfigMap;
const queries: Query[] = [
  {},
  { namespace: 'a' },
  { labels: parseSelector('color=red') },
  { namespace: 'b', labels: parseSelector('color!=red') },
  { namespace: 'a', name: 'n3' },
];

type State = Map<string, KubernetesObject>;
const idOf = ({ metadata }: KubernetesObject) => `${metadata.namespace}/${metadata.name}`;
const versions = (objects: Iterable<KubernetesObject>) =>
  [...objects].map((object) => `${idOf(object)}@${object.metadata.resourceVersion}`);

/** What a query selects, in order, by looking at everything. */
function naive(state: State, query: Query): KubernetesObject[] {
  return [...state.values()]
    .filter(({ metadata }) => query.namespace === undefined || metadata.namespace === query.namespace)
    .filter(({ metadata }) => query.name === undefined || metadata.name === query.name)
    .filter(({ metadata }) => !query.labels || matchesLabels(metadata.labels, query.labels))
    .sort((left, right) => (idOf(left) < idOf(right) ? -1 : 1));
}

/** A watcher that keeps a copy by the events alone. */
class Mirror {
  readonly state: State = new Map();
  readonly query: Query;
  readonly #stop = new AbortController();
  readonly task: Promise<void>;

  constructor(store: ObjectStore, query: Query, items: readonly KubernetesObject[], from: string) {
    this.query = query;
    for (const item of items) this.state.set(idOf(item), item);
    this.task = this.#follow(store, from);
  }

  async #follow(store: ObjectStore, from: string): Promise<void> {
    for await (const { type: change, object } of store.watch(type, this.query, {
      from,
      signal: this.#stop.signal,
    })) {
      const id = idOf(object);
      if ((change === 'ADDED') === this.state.has(id)) throw new Error(`${change} ${id} out of order`);
      if (change === 'DELETED') this.state.delete(id);
      else this.state.set(id, object);
    }
  }

  stop(): void {
    this.#stop.abort();
  }
}

/** One step: a write that may fail as it should. */
async function step(store: ObjectStore, random: (below: number) => number): Promise<void> {
  const namespace = namespaces[random(3)]!;
  const name = `n${random(8)}`;
  const key: ResourceKey = { type, namespace, name };
  const labels = random(3) === 0 ? {} : { color: random(2) === 0 ? 'red' : 'blue' };
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels },
    data: { value: String(random(4)) },
  } as KubernetesObject;
  try {
    if (random(4) === 0) await store.delete(key);
    else if (random(2) === 0) await store.create(object);
    else await store.update(object);
  } catch (error) {
    if (!isReason(error, 'NotFound') && !isReason(error, 'AlreadyExists')) throw error;
  }
}

/** All pages of a list, with writes in between. */
async function paged(store: ObjectStore, query: Query, between: () => Promise<void>) {
  const items: KubernetesObject[] = [];
  let page = await store.list(type, { ...query, limit: 3 });
  items.push(...page.items);
  while (page.continue) {
    await between();
    page = await store.list(type, { ...query, limit: 3, continue: page.continue });
    items.push(...page.items);
  }
  return { items, resourceVersion: page.resourceVersion };
}

test.each(Array.from({ length: 25 }, (_, index) => index + 1))(
  'lists, pages, past revisions and watches agree with looking at everything (seed %i)',
  async (seed) => {
    await using store = new ObjectStore({ historyLimit: 100_000 });
    const random = randomNumbers(seed);
    const past: { revision: string; state: State }[] = [];
    const mirrors: Mirror[] = [];
    const now = async (): Promise<State> =>
      new Map((await store.list(type)).items.map((object) => [idOf(object), object]));
    for (let round = 0; round < 40; round++) {
      await Promise.all(Array.from({ length: 1 + random(6) }, () => step(store, random)));
      const state = await now();
      past.push({ revision: store.resourceVersion, state });
      for (const query of queries) {
        expect(versions((await store.list(type, query)).items)).toEqual(versions(naive(state, query)));
        expect((await store.listText(type, query)).texts.map((text) => JSON.parse(text))).toEqual(
          naive(state, query),
        );
      }
      const query = queries[random(queries.length)]!;
      const whole = await paged(store, query, () => step(store, random));
      expect(versions(whole.items)).toEqual(versions(naive(state, query)));
      const then = past[random(past.length)]!;
      const again = await store.list(type, { ...query, revision: then.revision });
      expect(versions(again.items)).toEqual(versions(naive(then.state, query)));
      if (round % 5 === 0) mirrors.push(new Mirror(store, query, naive(then.state, query), then.revision));
    }
    await new Promise((resolve) => setImmediate(resolve));
    const state = await now();
    for (const mirror of mirrors) {
      mirror.stop();
      await mirror.task;
      expect(versions([...mirror.state.values()].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1)))).toEqual(
        versions(naive(state, mirror.query)),
      );
    }
  },
);

test.each([1, 2, 3])(
  'what one client wrote, every later read sees, in one order for all (seed %i)',
  async (seed) => {
    await using store = new ObjectStore();
    const random = randomNumbers(seed);
    const key: ResourceKey = { type, namespace: 'a', name: 'register' };
    await store.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'register', namespace: 'a' },
    });
    let acknowledged = 0;
    let rounds = 0;
    const client = async () => {
      let seen = 0;
      for (let index = 0; index < 60; index++) {
        const atLeast = acknowledged;
        const current = (await store.get(key))!;
        const revision = Number(current.metadata.resourceVersion);
        expect(revision).toBeGreaterThanOrEqual(atLeast);
        expect(revision).toBeGreaterThanOrEqual(seen);
        seen = revision;
        if (random(3) > 0) continue;
        const { count = '0' } = (current as { data?: Record<string, string> }).data ?? {};
        const next = { ...current, data: { count: String(Number(count) + 1) } } as KubernetesObject;
        try {
          const written = await store.update(next);
          acknowledged = Math.max(acknowledged, Number(written.metadata.resourceVersion));
          rounds++;
        } catch (error) {
          if (!isReason(error, 'Conflict')) throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: 10 }, client));
    // Each success counted one up from what it had read: none was lost and none came twice.
    expect((await store.get(key)) as unknown).toMatchObject({ data: { count: String(rounds) } });
  },
);
