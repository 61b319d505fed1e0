import { expect, test } from 'vitest';
import { metricsIn } from './check-metrics.tsx';

test('metrics stand beside those of the target branch', () => {
  expect(metricsIn('tests 1280 (main 1280), noise_ratio 0.03438 (main 7.8e-3), new 2', 'main')).toEqual([
    { name: 'tests', value: 1280, target: 1280 },
    { name: 'noise_ratio', value: 0.03438, target: 0.0078 },
    { name: 'new', value: 2, target: undefined },
  ]);
});

test.each(['train: the notebook failed in cell 3', 'waits for an engine', '', 'score 1 (other 2)'])(
  'words are left as they are: %s',
  (text) => expect(metricsIn(text, 'main')).toBeUndefined(),
);
