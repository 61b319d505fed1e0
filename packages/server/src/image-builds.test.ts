import { expect, test } from 'vitest';
import { loginOf } from './image-builds.ts';

const header = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');

test('the login of a build is read as the Docker API has it', () => {
  expect(loginOf(undefined)).toBeUndefined();
  expect(loginOf(header({ username: 'a', password: 'b' }))).toEqual({ username: 'a', password: 'b' });
});

test.each(['!!', header(null), header('x')])('"%s" is a bad request, not a failure', (value) => {
  expect(() => loginOf(value)).toThrow(expect.objectContaining({ reason: 'Invalid' }));
});
