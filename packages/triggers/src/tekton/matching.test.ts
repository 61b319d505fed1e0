import { describe, expect, it } from 'vitest';
import type { TriggerEvent } from '../trigger-event.ts';
import { files, on, pull, push } from './events.testing.ts';
import { annotationValues, matchesComment, matchesEvent, waitsForLabel } from './matching.ts';

describe('annotations', () => {
  it('reads lists, single values and escaped commas', () => {
    expect(annotationValues('[a, b&#44;c ]', 'n')).toEqual(['a', 'b,c']);
    expect(annotationValues('a&#44;b', 'n')).toEqual(['a,b']);
    expect(annotationValues('[a, ]', 'n')).toEqual(['a']);
    expect(() => annotationValues('[]', 'n')).toThrow(/empty value/);
    expect(() => annotationValues('[a', 'n')).toThrow(/expected "\]"/);
  });
  it.each<[string, Record<string, string>, TriggerEvent, boolean]>([
    [
      'a push to a branch',
      { 'on-event': '[push]', 'on-target-branch': '[main]' },
      push('refs/heads/main'),
      true,
    ],
    [
      'not a tag of that name',
      { 'on-event': 'push', 'on-target-branch': 'main' },
      push('refs/tags/main'),
      false,
    ],
    ['a tag', { 'on-event': '[push]', 'on-target-branch': '[refs/tags/v*]' }, push('refs/tags/v1.0'), true],
    [
      'full branch names',
      { 'on-event': '[push]', 'on-target-branch': 'refs/heads/*' },
      push('refs/heads/a/b'),
      true,
    ],
    ['a pull request', { 'on-event': '[pull_request]', 'on-target-branch': '[main]' }, pull(), true],
    [
      'one of several events',
      { 'on-event': '[pull_request, push]', 'on-target-branch': '[main]' },
      push('refs/heads/main'),
      true,
    ],
    ['both are needed', { 'on-event': '[push]' }, push('refs/heads/main'), false],
    [
      'changed paths',
      { 'on-event': 'push', 'on-target-branch': 'main', 'on-path-change': '[docs/**]' },
      push('refs/heads/main', { files: files('docs/a') }),
      true,
    ],
    [
      'other paths',
      { 'on-event': 'push', 'on-target-branch': 'main', 'on-path-change': '[docs/**]' },
      push('refs/heads/main'),
      false,
    ],
    [
      'ignored paths',
      { 'on-event': 'push', 'on-target-branch': 'main', 'on-path-change-ignore': '[***.md]' },
      push('refs/heads/main'),
      false,
    ],
    [
      'labels',
      { 'on-event': '[pull_request]', 'on-target-branch': 'main', 'on-label': '[bug]' },
      pull(),
      true,
    ],
    [
      'an expression',
      { 'on-cel-expression': 'event == "push" && target_branch == "main"' },
      push('refs/heads/main'),
      true,
    ],
    [
      'an expression goes before',
      { 'on-event': 'push', 'on-target-branch': 'main', 'on-cel-expression': 'event == "pull_request"' },
      push('refs/heads/main'),
      false,
    ],
    [
      'tags in expressions',
      { 'on-cel-expression': 'target_branch.startsWith("refs/tags/")' },
      push('refs/tags/v1'),
      true,
    ],
    [
      'full names in expressions',
      { 'on-cel-expression': 'target_branch == "refs/heads/main"' },
      push('refs/heads/main'),
      true,
    ],
    [
      'pathChanged',
      { 'on-cel-expression': '"docs/*.md".pathChanged()' },
      push('refs/heads/main', { files: files('docs/x.md') }),
      true,
    ],
    [
      'files',
      { 'on-cel-expression': 'files.all.exists(x, x.matches("^docs/"))' },
      push('refs/heads/main', { files: files('docs/x') }),
      true,
    ],
    [
      'the body',
      { 'on-cel-expression': 'body.pull_request.number == 7 && event_title.startsWith("a")' },
      pull(),
      true,
    ],
    [
      'headers',
      { 'on-cel-expression': 'headers["x-github-event"] == "push"' },
      push('refs/heads/main'),
      true,
    ],
  ])('%s', (_name, annotations, event, wanted) => {
    expect(matchesEvent(on(annotations), event)).toBe(wanted);
  });
  it('says what is wrong with an expression, and ends one that never ends', () => {
    expect(() => matchesEvent(on({ 'on-cel-expression': 'nonsense ==' }), push('refs/heads/main'))).toThrow(
      /cannot be evaluated/,
    );
    const slow = pull({}, { comment: { index: 0, body: `${'a'.repeat(40)}!`, author: 'x', custom: true } });
    expect(() => matchesEvent(on({ 'on-comment': '^(a+)+$' }), slow)).toThrow(/took longer/);
  });
});

it.each([
  ['(?i)^/deploy', '/Deploy now', true],
  ['^/deploy', '/Deploy now', false],
  ['(?P<what>a|b)$', 'b', true],
  ['(?s)a.b', 'a\nb', true],
])('a pattern of comments is read as Go reads it: %s', (pattern, comment, wanted) =>
  expect(matchesComment(on({ 'on-comment': pattern }), comment)).toBe(wanted),
);

it('a label starts what waits for it by name, and conditions about labels', () => {
  const condition = 'body.pull_request.labels.exists(l, l.name == "bug")';
  expect(waitsForLabel(on({ 'on-cel-expression': condition }), ['bug'])).toBe(true);
  expect(waitsForLabel(on({ 'on-cel-expression': 'event == "pull_request"' }), ['bug'])).toBe(false);
  expect(waitsForLabel(on({ 'on-label': '[bug]' }), ['bug'])).toBe(true);
  expect(waitsForLabel(on({ 'on-label': '[bug]' }), ['other'])).toBe(false);
});

it('what the platform gives is not hidden by variables of the repository of the same names', () => {
  const event = pull({ isDraft: true }, { variables: { files: 'x', body: 'y', headers: 'z', event: 'w' } });
  const expression =
    'event == "pull_request" && body.pull_request.draft && files.all.size() == 1 && headers.size() > 0';
  expect(matchesEvent(on({ 'on-cel-expression': expression }), event)).toBe(true);
});
