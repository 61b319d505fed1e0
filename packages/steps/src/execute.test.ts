import { expect, it } from 'vitest';
import type { StepContext } from './context.ts';
import { userEnvironment } from './execute.ts';

it("a user's code has the variables that its repository asks for under their own names, and none of the platform's", () => {
  const environment = { PATH: '/bin', LANG: 'C', TAGBOAT_USER_DEBUG: '1', TAGBOAT_COMMIT: 'c', SECRET: 's' };
  const found = userEnvironment({ environment } as unknown as StepContext, '/w/source', '/env/bin/python');
  expect(found).toMatchObject({ DEBUG: '1', LANG: 'C', PATH: '/env/bin:/bin' });
  expect(Object.keys(found).filter((name) => /TAGBOAT|SECRET/.test(name))).toEqual([]);
});

it("the host's pip refuses to change the host's Python for a user's code", () => {
  const environment = { PATH: process.env.PATH };
  const found = userEnvironment({ environment } as unknown as StepContext, '/w/source', '/env/bin/python');
  expect(found).toMatchObject({ PIP_REQUIRE_VIRTUALENV: '1' });
});
