import { describe, expect, it } from 'vitest';
import type { TriggerEvent } from '../trigger-event.ts';
import { files, on, pull, push } from './events.testing.ts';
import { matchesEvent } from './matching.ts';
import { readTemplate } from './variables.ts';

const main = push('refs/heads/main', { message: '[DOWNSTREAM] sync\n\nbody', before: 'b'.repeat(40) });
const change = pull(
  { title: '[DOWNSTREAM] fix', description: 'why', untrusted: false },
  {
    files: {
      ...files('docs/a.md', 'src/new.go', 'tmp/x', 'old.go', 'renamed.go'),
      added: ['src/new.go'],
      deleted: ['old.go'],
      modified: ['docs/a.md', 'tmp/x'],
      renamed: ['renamed.go'],
    },
    isFirst: true,
  },
);
const documents = pull({}, { files: files('docs/a.md', 'README.md', 'OWNERS') });
const outside = (expression: string) => `!files.all.all(x, ${expression})`;
const unimportant = outside(
  "x.matches('^docs/') || x.matches('\\\\.md$') || x.matches('(\\\\.gitignore|OWNERS)$')",
);

describe('on-cel-expression, by what upstream documents', () => {
  it.each<[string, TriggerEvent, boolean]>([
    ['event == "pull_request" && target_branch == "main" && source_branch == "feature/x"', change, true],
    ['event == "pull_request" && target_branch != "main"', change, false],
    ['event == "push" && source_branch == target_branch', main, true],
    ['event_type == "pull_request"', change, true],
    ['target_url == source_url', main, true],
    ['source_branch.matches(".*feature/.*")', change, true],
    ['"docs/*.md".pathChanged()', change, true],
    ['"lib/*".pathChanged()', change, false],
    ["files.all.exists(x, x.matches('tmp/'))", change, true],
    ["files.added.exists(x, x.matches('src/|pkg/'))", change, true],
    ["files.modified.exists(x, x.matches('new.go'))", change, false],
    ["files.deleted.exists(x, x == 'old.go')", change, true],
    ["files.renamed.exists(x, x.matches('renamed.go'))", change, true],
    [unimportant, change, true],
    [unimportant, documents, false],
    ['event_title.startsWith("[DOWNSTREAM]")', change, true],
    ['event_title.startsWith("[DOWNSTREAM]")', main, true],
    ['body.pull_request.base.ref == "main" && body.pull_request.user.login == "Bob"', change, true],
    ['body.action == "opened"', change, true],
    ['body.action == "synchronize"', documents, true],
    ['!body.pull_request.draft && body.pull_request.state == "open"', change, true],
    ['body.pull_request.labels.exists(l, l.name == "bug")', change, true],
    ["headers['x-github-event'] == 'pull_request'", change, true],
    ['has(body.head_commit) && body.head_commit.message.startsWith("[DOWN")', main, true],
    ['body.before.startsWith("bbbb") && body.after.startsWith("cccc")', main, true],
  ])('%s', (expression, event, wanted) => {
    expect(matchesEvent(on({ 'on-cel-expression': expression }), event)).toBe(wanted);
  });
});

describe('variables, by what upstream documents', () => {
  const filled = (text: string, event: TriggerEvent) =>
    (readTemplate(`a: |-\n  ${text}\n`, 'f', event)[0]!.value as { a: string }).a;
  it.each<[string, TriggerEvent, string]>([
    ['{{event}} {{ event_type }} {{ target_namespace }}', change, 'pull_request pull_request demo'],
    ['{{ repo_owner }}/{{ repo_name }}', change, 'demo/app'],
    ['{{ pull_request_labels }} {{ pull_request_number }}', change, 'bug 7'],
    ['{{ pull_request_number }}', main, '{{ pull_request_number }}'],
    ['{{ source_url }}', main, 'http://h/git/demo/app.git'],
    ['{{ source_branch }} {{ target_branch }}', main, 'main main'],
    ['{{ git_tag }}', push('refs/tags/v1'), 'v1'],
    [
      '{{ trigger_comment }}',
      pull({}, { comment: { index: 0, body: '/help\r\nme', author: 'x' } }),
      '/help\\nme',
    ],
    ["{{ headers['X-Github-Event'] }} {{ headers['x-github-event'] }}", change, 'pull_request pull_request'],
    ['{{ body.pull_request.title }}', change, '[DOWNSTREAM] fix'],
    ['{{ body.pull_request.state == "open" }}', change, 'true'],
    ['{{ body.pull_request.labels }}', change, '[{"name":"bug"}]'],
    ['{{ cel: body.action == "opened" ? "new" : "updated" }}', change, 'new'],
    ['{{ cel: pac.target_branch == "main" ? "production" : "staging" }}', change, 'production'],
    [
      '{{ cel: has(body.head_commit) && body.head_commit.message.startsWith("Merge") ? "m" : "r" }}',
      change,
      'r',
    ],
    ['{{ cel: files.all.exists(f, f.endsWith(".go")) ? "true" : "false" }}', change, 'true'],
    ['{{ cel: "Build for " + pac.repo_name + " on " + pac.target_branch }}', change, 'Build for app on main'],
    ['{{ cel: files.all.size() }}', change, '5'],
    ['x{{ cel: nonsense( }}y', change, 'xy'],
    ['{{ unknown_one }}', change, '{{ unknown_one }}'],
  ])('%s', (text, event, wanted) => {
    expect(filled(text, event)).toBe(wanted);
  });
});

it.each([
  ['https://github.com/Org/App.git', 'org', 'app', 'Org/App'],
  ['https://gitlab.example.com/group/sub/app', 'group/sub', 'app', 'group/sub/app'],
  ['git@github.com:org/app.git', 'org', 'app', 'org/app'],
  ['http://h/git/demo/app.git', 'demo', 'app', 'demo/App'],
  ['file:///r.git', 'demo', 'app', 'demo/App'],
])('a repository at %s is called as its forge calls it', (repositoryUrl, owner, name, full) => {
  const event = push('refs/heads/main', { repositoryUrl });
  const text = 'a: "{{ repo_owner }} {{ repo_name }} {{ body.repository.full_name }}"';
  expect(readTemplate(text, 'f', event)[0]?.value).toEqual({ a: `${owner} ${name} ${full}` });
});
