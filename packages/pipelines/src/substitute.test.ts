import { expect, test } from 'vitest';
import { hiding, lookupIn, substitute } from './substitute.ts';

test("a task's own params come before the pipeline's of the same name", () => {
  const variables = lookupIn(
    new Map([
      ['params.url', 'of the pipeline'],
      ['params.tag', 'v1'],
    ]),
  );
  const steps = { script: 'clone $(params.url) at $(params.tag)' };
  expect(substitute(steps, hiding(variables, [{ name: 'url' }]))).toEqual({
    script: 'clone $(params.url) at v1',
  });
});
