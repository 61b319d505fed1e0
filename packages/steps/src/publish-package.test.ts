import { expect, it } from 'vitest';
import { indexOf, isThere } from './publish-package.ts';

it.each([
  ['ERROR    HTTPError: 409 Conflict from http://127.0.0.1:1/legacy/\n         Conflict', true],
  ["HTTPError: 400 Bad Request from https://upload.pypi.org/legacy/ File already exists ('a.whl')", true],
  ['Repository does not allow updating assets: pypi-hosted', true],
  ['HTTPError: 401 Unauthorized from http://127.0.0.1:1/legacy/', false],
  ['UnsupportedConfiguration: ... does not have support for the following features', false],
])('knows what is there already: %j', (output, wanted) => expect(isThere(output)).toBe(wanted));

it('takes the URL of an index, and PyPI without one', () => {
  expect(indexOf(undefined)).toEqual({});
  expect(indexOf('https://h/simple/')).toEqual({ TWINE_REPOSITORY_URL: 'https://h/simple/' });
  expect(() => indexOf('thoth-prod')).toThrow(/the URL that packages are uploaded to, found "thoth-prod"/);
});
