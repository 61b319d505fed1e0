import { type CommitStatus, kinds, type Repository } from '@tagboat/api';
import { ManualClock, TagboatError } from '@tagboat/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ForgeName } from './forge.ts';
import { type ForgeWorld, forgeWorld, head, next } from './forge-world.testing.ts';
import { RateLimited, RestClient } from './rest-client.ts';
import { waitAfter } from './status-reporter.ts';

describe.each<ForgeName>(['github', 'gitlab', 'gitea'])('%s in trouble', (type) => {
  let here: ForgeWorld;
  beforeEach(async () => {
    here = await forgeWorld(type);
  });
  afterEach(() => here[Symbol.asyncDispose]());

  it('a comment that was deleted there makes none be missed, and none be done twice', async () => {
    const { world, pull, change } = here;
    const said = (body: string, second: number) => ({
      author: 'member',
      body,
      at: `2026-01-01T00:00:0${second}.000Z`,
    });
    await pull(2, () => true);
    change({ comments: [said('one', 1), said('/test', 2)] });
    await pull(2, ({ spec }) => spec?.comments?.length === 2);
    change({ comments: [said('/test', 2), said('/cancel', 3)] });
    const found = await pull(2, ({ spec }) => spec?.comments?.length === 3);
    expect(found.spec?.comments?.map(({ body }) => body)).toEqual(['', '/test', '/cancel']);
    expect(world.comments).toHaveLength(2);
  });

  it('a comment tells of the head that was known before it, not of one that came with it', async () => {
    const { pull, change } = here;
    await pull(2, ({ status }) => status?.headCommit === head);
    change({ head: next, comments: [{ author: 'member', body: '/ok-to-test', at: '2100-01-01T00:00:00Z' }] });
    const found = await pull(2, ({ status, spec }) =>
      Boolean(status?.headCommit === next && spec?.comments?.[0]),
    );
    expect(found.spec?.comments?.[0]?.commit).toBe(head);
  });

  it('a pull request that was deleted there is closed here, and holds nothing up', async () => {
    const { pull, change, store, key, until } = here;
    await pull(2, ({ spec }) => spec?.state === 'open');
    change({ outsideState: 'deleted' });
    await pull(2, ({ spec }) => spec?.state === 'closed');
    await until(kinds.Repository, async () =>
      (await store.get<Repository>(key))?.status?.conditions?.some(
        ({ type: name, status }) => name === 'ForgeReady' && status === 'True',
      ),
    );
  });

  it.each([
    [
      'a page of HTML',
      { code: 200, headers: { 'content-type': 'text/html' }, body: '<html>' },
      /text\/html, not JSON/,
    ],
    ['an object where a list belongs', { code: 200, body: '{"message":"moved"}' }, /answered with no list/],
    ['an error of a proxy', { code: 502, body: '<html>bad gateway' }, /answered 502: <html>bad gateway/],
  ])('says what is wrong when it is answered with %s', async (_what, answer, message) => {
    const { world, store, key, controller, until } = here;
    world.instead = () => answer;
    controller.enqueue(key);
    const said = await until(kinds.Repository, async () => {
      const { conditions = [] } = (await store.get<Repository>(key))?.status ?? {};
      return conditions.find((item) => item.type === 'ForgeReady' && item.status === 'False')?.message;
    });
    expect(said).toMatch(message);
  });
});

it('a commit status that a forge does not take is written once it does', async () => {
  const clock = new ManualClock();
  await using here = await forgeWorld('github', clock);
  const limited = { 'x-ratelimit-remaining': '0' };
  here.world.instead = () => ({ code: 403, headers: limited, body: 'API rate limit exceeded' });
  const key = { type: kinds.CommitStatus, namespace: 'demo', name: 's' };
  await here.store.create<CommitStatus>({
    apiVersion: 'tagboat.dev/v1alpha1',
    kind: 'CommitStatus',
    metadata: { name: 's', namespace: 'demo' },
    spec: { repository: 'app', commit: head, context: 'c', state: 'success', updatedAt: 'now' },
  });
  const said = async () => (await here.store.get<CommitStatus>(key))?.status;
  await here.until(kinds.CommitStatus, async () =>
    /rate limit exceeded/.test((await said())?.conditions?.[0]?.message ?? ''),
  );
  expect((await said())?.reported).toBeUndefined();
  here.world.instead = () => undefined;
  const written = here.until(kinds.CommitStatus, async () => (await said())?.reported);
  // The clock moves only between what the reporter does, so it moves until that has been done.
  let isWritten = false;
  void written.then(() => {
    isWritten = true;
  });
  while (!isWritten) {
    clock.advance(1_000);
    await new Promise(setImmediate);
  }
  expect(here.world.statuses).toHaveLength(1);
  expect((await said())?.conditions?.[0]).toMatchObject({ type: 'Reported', status: 'True' });
});

it('what a forge does not take is tried for a day, less and less often; what it calls wrong is not', () => {
  const down = new TagboatError('down', { reason: 'Unavailable' });
  const waits: number[] = [];
  for (let tried = 0; ; tried += waits.at(-1)!) {
    const wait = waitAfter(down, tried);
    if (wait === undefined) break;
    waits.push(wait);
  }
  expect(waits[0]).toBe(1_000);
  expect(Math.max(...waits)).toBe(600_000);
  expect(waits.length).toBeLessThan(200);
  expect(waits.reduce((sum, wait) => sum + wait)).toBeGreaterThan(24 * 3_600_000);
  expect(waitAfter(new TagboatError('wrong', { reason: 'Refused', retryable: false }), 0)).toBeUndefined();
});

it('lists end where the forge says so, whatever size its pages have', async () => {
  await using here = await forgeWorld('gitea');
  const asked: string[] = [];
  here.world.instead = (line) => {
    asked.push(line);
    const page = Number(/[?&]page=(\d+)/.exec(line)?.[1]);
    const headers =
      page < 3
        ? { link: `<http://h/?page=${page + 1}>; rel="next",<http://h/?page=3>; rel="last"` }
        : { link: '<http://h/?page=1>; rel="first"' };
    return { code: 200, headers, body: JSON.stringify([{ page }]) };
  };
  const client = new RestClient(`${here.url}/api`, {});
  asked.length = 0;
  expect(await client.all('/x', 50, 'limit')).toEqual([{ page: 1 }, { page: 2 }, { page: 3 }]);
});

it('reads how long a forge wants to be left alone', () => {
  const wait = (headers: Record<string, string>) => new RateLimited('m', new Headers(headers)).wait;
  expect(wait({ 'retry-after': '30' })).toBe(30_000);
  expect(wait({ 'x-ratelimit-reset': '100', date: 'Thu, 01 Jan 1970 00:01:00 GMT' })).toBe(40_000);
  expect(wait({})).toBe(60_000);
  expect(wait({ 'retry-after': 'Fri, 31 Dec 2100 23:59:59 GMT' })).toBe(60_000);
  expect(wait({ 'retry-after': '99999999' })).toBe(3_600_000);
});
