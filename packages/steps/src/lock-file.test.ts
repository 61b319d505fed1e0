import { expect, test } from 'vitest';
import { pinnedEnvironment, readLockFile, withPinned } from './lock-file.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}` as const;
const environment = {
  requires: digest('a') as never,
  packages: `joblib==1.4.2 \\\n    --hash=${digest('b')}\nnumpy==2.0.0 \\\n    --hash=${digest('c')}\n`,
};

test('what is pinned is read back, beside what other models pinned', () => {
  const first = withPinned(undefined, 'prices', { data: { z: digest('1'), a: digest('2') }, environment });
  const both = withPinned(first, 'sales', { data: {} });
  expect(readLockFile(both).models.prices).toEqual({ data: { a: digest('2'), z: digest('1') }, environment });
  expect(pinnedEnvironment(both, 'prices')).toEqual({ requires: digest('a'), lock: environment.packages });
  expect(pinnedEnvironment(both, 'sales')).toBeUndefined();
  expect(withPinned(both, 'prices', { data: { z: digest('1'), a: digest('2') }, environment })).toBe(both);
  expect(first).toContain('    --hash=');
});

test('a missing lock pins nothing', () => {
  expect(readLockFile(undefined)).toEqual({ models: {} });
  expect(pinnedEnvironment(undefined, 'prices')).toBeUndefined();
});

test.each([
  ['models: { prices: { data: { x: yesterday } } }', /prices's x, found "yesterday"/],
  ['models: { prices: { environment: { requires: 1, packages: "" } } }', /environment.requires/],
  [`models: { prices: { environment: { requires: "${digest('a')}" } } }`, /environment.packages/],
  ['models: [', /tagboat.lock/],
])('%j is refused', (text, message) => {
  const problem = (() => {
    try {
      readLockFile(text);
      return '';
    } catch (error) {
      return JSON.stringify([(error as Error).message, (error as { location?: unknown }).location]);
    }
  })();
  expect(problem.replaceAll('\\"', '"')).toMatch(message);
});
