import { expect, it } from 'vitest';
import { judge, readMetrics } from './gates.ts';

it('takes what every object has for no metric', () => {
  const metrics = readMetrics('{"error": 0.1}', 'metrics.json');
  for (const metric of ['constructor', 'toString', '__proto__'])
    expect(judge(metrics, [{ metric, min: 0 }], undefined)).toMatchObject({
      passed: false,
      lines: [expect.stringContaining('gave no such metric')],
    });
  expect(JSON.stringify(metrics)).toBe('{"error":0.1}');
});

it('names the metric that is no number, and reads names that say so', () => {
  expect(() => readMetrics('{"a": NaN}', 'm')).toThrow('the metric "a" is NaN in m');
  expect(readMetrics('{"share of NaN rows": 1}', 'm')).toEqual({ 'share of NaN rows': 1 });
  expect(() => readMetrics('{"a": }', 'm')).toThrow('m is no JSON');
});
