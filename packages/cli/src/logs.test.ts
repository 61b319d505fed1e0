import type { Pod } from '@tagboat/api';
import { TagboatError } from '@tagboat/base';
import { expect, test, vi } from 'vitest';
import { print, printJson } from './commands/logs.ts';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n' },
  spec: { containers: [{ name: 'first' }, { name: 'never' }, { name: 'last' }] },
} as Pod;

const client = {
  get: (async () => pod) as never,
  async *logs({ container }: { container?: string }) {
    if (container === 'never')
      throw new TagboatError('container "never" in pod "p" is waiting to start: PodInitializing', {
        reason: 'BadRequest',
      });
    yield `2026-01-01T00:00:00Z ${container} ran\n`;
  },
};

test.each([
  ['text', print],
  ['JSON', printJson],
])('a container that never started hides no other, as %s', async (_form, printer) => {
  let written = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += text;
    return true;
  });
  try {
    await printer(client, { namespace: 'n', name: 'p', title: 'task' }, false);
  } finally {
    write.mockRestore();
  }
  expect(written).toMatch(/first ran[\s\S]*waiting to start: PodInitializing[\s\S]*last ran/);
});
