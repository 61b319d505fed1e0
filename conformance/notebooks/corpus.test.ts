import { join } from 'node:path';
import { testEnvironment } from '@tagboat/notebooks/testing';
import { expect, it } from 'vitest';
import { Comparison, type Verdict } from './compare.ts';

const environment = await testEnvironment();
const missing = 'reason' in environment ? environment.reason : undefined;

it.skipIf(missing)(
  `the corpus gives the same outputs here as with nbclient${missing ? ` (${missing})` : ''}`,
  { timeout: 300_000 },
  async () => {
    const verdicts: Verdict[] = [];
    await using comparison = await Comparison.open('python' in environment ? environment.python : '');
    for await (const verdict of comparison.folder(join(import.meta.dirname, 'corpus')))
      verdicts.push(verdict);
    expect(verdicts.length).toBeGreaterThan(15);
    expect(verdicts.filter(({ kind }) => kind !== 'passed')).toEqual([]);
  },
);
