import { expect, test } from 'vitest';
import { withoutLineEnd } from './read-secret.ts';

test.each([
  ['password\n', 'password'],
  ['password\r\n', 'password'],
  ['password', 'password'],
  ['', ''],
  ['\n', ''],
  ['-----BEGIN KEY-----\nabc\n-----END KEY-----\n', '-----BEGIN KEY-----\nabc\n-----END KEY-----\n'],
])('%j is kept as %j', (text, kept) => {
  expect(withoutLineEnd(text)).toBe(kept);
});
