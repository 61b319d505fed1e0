import { failureAnnotation, type PipelineRun } from '@tagboat/api';
import { expect, test } from 'vitest';
import { summariseRun } from './run-summary.ts';

const ended = (message: string, annotations: Record<string, string> = {}): PipelineRun => ({
  apiVersion: 'tekton.dev/v1',
  kind: 'PipelineRun',
  metadata: { name: 'r', namespace: 'demo' },
  spec: {},
  status: { annotations, conditions: [{ type: 'Succeeded', status: 'False', reason: 'Failed', message }] },
});

test('a failed run tells in the words of its step what failed', () => {
  const tekton = 'Tasks Completed: 3 (Failed: 1, Cancelled 1), Skipped: 2';
  expect(summariseRun(ended(tekton, { [failureAnnotation]: 'train: no such file' })).message).toBe(
    'train: no such file',
  );
  expect(summariseRun(ended(tekton)).message).toBe('of 3 tasks that ran, 1 failed and 1 cancelled');
  expect(summariseRun(ended('task "a" did not emit the result "d"')).message).toContain('did not emit');
});
