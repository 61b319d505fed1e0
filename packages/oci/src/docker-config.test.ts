import { expect, it } from 'vitest';
import { loginFrom } from './docker-config.ts';

const entry = (login: string) => ({ auth: Buffer.from(login).toString('base64') });
const config = JSON.stringify({
  auths: {
    'https://index.docker.io/v1/': entry('hub:h'),
    'registry.example.com:5000': entry('all:a:b'),
    'registry.example.com:5000/team': { username: 'team', password: 't' },
    '*.corp.example.com': entry('corp:c'),
  },
});
const login = (host: string, repository = 'library/x', text = config) =>
  loginFrom(text, { host, repository });

it('finds the login of a host, the longest path that fits first', () => {
  expect(login('registry.example.com:5000', 'other/app')).toEqual({ username: 'all', password: 'a:b' });
  expect(login('registry.example.com:5000', 'teams/app')?.username).toBe('all');
  expect(login('registry.example.com:5000', 'team/app')).toEqual({ username: 'team', password: 't' });
});

it("knows docker.io's other names, and stars for a part of a name", () => {
  expect(login('docker.io')?.username).toBe('hub');
  expect(login('eu.corp.example.com')?.username).toBe('corp');
  expect(login('a.eu.corp.example.com')).toBeUndefined();
  expect(login('registry.example.com')).toBeUndefined();
});

it('reads the older form, and refuses what is none', () => {
  expect(login('r', 'x', '{"r": {"username": "u", "password": "p"}}')).toEqual({
    username: 'u',
    password: 'p',
  });
  expect(login('r', 'x', '{"auths": {"r": null}}')).toBeUndefined();
  expect(() => login('r', 'x', 'no')).toThrow('expected the JSON of a Docker configuration');
});
