import { describe, expect, it } from 'vitest';
import { commit, pull, push } from './events.testing.ts';
import { readTemplate } from './variables.ts';

describe('variables', () => {
  it('fills in what is known, also unquoted, and leaves the rest', () => {
    const event = pull();
    const [document] = readTemplate(
      'a: {{ revision }}\nb: "{{repo_url}} {{ source_branch }} {{ nope }}"\nc: "{{ pull_request_number }}/{{ body.pull_request.user.login }}/{{ headers[\'x-github-event\'] }}"\nd: "{{ cel: body.number > 5 ? \'big\' : \'small\' }}"\ne: "{{ sender }} {{ git_tag }}|{{ body.nothing.there }}"\n',
      'f',
      event,
    );
    expect(document?.value).toEqual({
      a: commit,
      b: 'http://h/git/demo/app.git feature-x {{ nope }}',
      c: '7/Bob/pull_request',
      d: 'big',
      e: 'bob |{{ body.nothing.there }}',
    });
    expect(readTemplate('a: "{{ git_tag }}"', 'f', push('refs/tags/v1.2'))[0]?.value).toEqual({ a: 'v1.2' });
  });
  it('a title is never more than the content of a scalar', () => {
    const event = pull({ title: 'x"\nspec:\n  evil: true' });
    expect(readTemplate('a: "{{ body.pull_request.title }}"\n', 'f', event)[0]?.value).toEqual({
      a: 'x"\nspec:\n  evil: true',
    });
  });
});
