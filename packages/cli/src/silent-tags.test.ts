import type { HandledRef } from '@tagboat/api';
import { expect, it } from 'vitest';
import { silentTags } from './silent-tags.ts';

const handled = (
  ref: string,
  creationTimestamp: string,
  more: { runs?: string[]; reason?: string },
): HandledRef => ({
  ...{ apiVersion: 'tagboat.dev/v1alpha1', kind: 'HandledRef' },
  metadata: { name: ref.replaceAll('/', '-'), creationTimestamp },
  spec: {
    ...{ repository: 'two', ref, commit: 'c', sequence: 1, pipelineRuns: more.runs ?? [] },
    ...(more.reason ? { reason: more.reason } : {}),
  },
});

it('tells of the tags of the last day that run nothing', () => {
  const now = Date.parse('2026-01-02T12:00:00Z');
  const all = [
    handled('refs/tags/v1', '2026-01-02T11:00:00Z', { reason: "no model's tags match: spam (spam@v*)" }),
    handled('refs/tags/spam@v1', '2026-01-02T11:30:00Z', { runs: ['spam-v1'] }),
    handled('refs/heads/x', '2026-01-02T11:30:00Z', { reason: 'it is not followed' }),
    handled('refs/tags/old', '2026-01-01T11:00:00Z', { reason: 'it was there before' }),
  ];
  expect(silentTags(all, now)).toEqual(["tag v1 of two runs nothing: no model's tags match: spam (spam@v*)"]);
});
