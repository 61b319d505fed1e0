import type { PlainSecretReference } from '@tagboat/api';
import { invalid } from '@tagboat/base';
import { describe, expect, it } from 'vitest';
import { somePush as event } from '../trigger-event.testing.ts';
import { matchesEvent } from './matching.ts';
import { customParameters, keyValueArguments } from './parameters.ts';
import { readTemplate } from './variables.ts';

const pull = {
  number: 3,
  title: 't',
  description: '',
  targetBranch: 'main',
  sourceRef: 'refs/heads/x',
  author: 'eve',
  labels: [],
  isDraft: false,
  untrusted: false,
  sourceUrl: '',
};
const secrets = async ({ name, key }: PlainSecretReference) => {
  if (name !== 's') throw invalid(`there is no Secret "${name}"`);
  return `secret of ${key}`;
};

describe('keyValueArguments', () => {
  it.each([
    ['/test a key=value', { key: 'value' }],
    ['/test key="a value" b=c=d', { key: 'a value', b: 'c=d' }],
    ['/test key="another \\"value\\" defined"', { key: 'another "value" defined' }],
    ['/test key="two\nlines"', { key: 'two\nlines' }],
    ['please key=value', {}],
  ])('%j', (text, wanted) => expect(keyValueArguments(text)).toEqual(wanted));
});

describe('customParameters', () => {
  it('takes values before Secrets, the last of a name, and the first whose filter holds', async () => {
    const {
      values,
      secrets: used,
      notices,
    } = await customParameters(
      event,
      [
        { name: 'company', value: 'old' },
        { name: 'company', value: 'My Company' },
        { name: 'both', value: 'v', secret_ref: { name: 'gone' } },
        { name: 'key', secret_ref: { name: 's', key: 'k' } },
        { name: 'where', value: 'pulls', filter: 'pac.event_type == "pull_request"' },
        { name: 'where', value: 'pushes', filter: 'event == "push" && body.ref == "refs/heads/main"' },
        { name: 'where', value: 'late', filter: 'pac.target_branch == "main"' },
        { name: 'empty' },
        { value: 'no name' },
      ],
      secrets,
    );
    expect(values).toEqual({ company: 'My Company', both: 'v', key: 'secret of k', where: 'pushes' });
    expect(used).toEqual([{ name: 's', key: 'k' }]);
    expect(notices).toEqual(['spec.params[8] of the repository has no name']);
  });

  it('a comment sets what is declared or standard, a request what it was let; nothing else', async () => {
    const comment = { index: 0, author: 'ada', body: '/test ci start=now revision=abc odd=1 company="B C"' };
    const parameters = [{ name: 'start' }, { name: 'company', value: 'A' }];
    const { values } = await customParameters({ ...event, comment }, parameters, secrets);
    expect(values).toEqual({ start: 'now', revision: 'abc', company: 'B C' });
    const incoming = { id: '1', run: 'ci', parameters: { pull_request_number: '12' } };
    expect((await customParameters({ ...event, incoming }, [], secrets)).values).toEqual({
      pull_request_number: '12',
    });
  });

  it('gives no Secret to code from outside, and says what cannot be read', async () => {
    const outside = { ...event, kind: 'pull_request' as const, pull: { ...pull, untrusted: true } };
    const kept = await customParameters(outside, [{ name: 'key', secret_ref: { name: 's' } }], secrets);
    expect(kept).toEqual({
      values: {},
      secrets: [],
      notices: ['the variable key is not given to code from outside: it holds a Secret'],
    });
    await expect(
      customParameters(event, [{ name: 'key', secret_ref: { name: 'gone' } }], secrets),
    ).rejects.toThrow(/no Secret "gone"/);
    await expect(
      customParameters(event, [{ name: 'k', value: 'v', filter: 'pac.' }], secrets),
    ).rejects.toThrow(/the filter of the parameter "k"/);
  });

  it('are variables of templates and of expressions, where the built-in ones win', () => {
    const withValues = { ...event, variables: { company: 'A: "B"', enable_ci: 'true', event: 'none' } };
    const [document] = readTemplate('a: "{{ company }} {{ cel: company + pac.repo_name }}"', 'f', withValues);
    expect(document?.value).toEqual({ a: 'A: "B" A: "B"app' });
    const matches = (expression: string) =>
      matchesEvent({ 'pipelinesascode.tekton.dev/on-cel-expression': expression }, withValues);
    expect(matches('event == "push" && enable_ci == "true"')).toBe(true);
    expect(() => matches('other == "true"')).toThrow(/other/);
  });
});
