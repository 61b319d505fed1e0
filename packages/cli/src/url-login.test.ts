import { expect, test } from 'vitest';
import { withoutLogin } from './url-login.ts';

test('a login is taken out of an HTTP URL, and nothing out of others', () => {
  expect(withoutLogin('https://eva:s%40fe@git.example.com/team/prices.git')).toEqual({
    url: 'https://git.example.com/team/prices.git',
    login: { username: 'eva', password: 's@fe' },
  });
  expect(withoutLogin('https://token@git.example.com/prices')).toEqual({
    url: 'https://git.example.com/prices',
    login: { username: 'git', password: 'token' },
  });
  for (const url of [
    'https://git.example.com/prices.git',
    'git@git.example.com:team/prices.git',
    'ssh://git@host/x',
  ])
    expect(withoutLogin(url)).toEqual({ url });
  expect(() => withoutLogin('https://eva:50%off@git.example.com/prices')).toThrow(/cannot be read/);
});
