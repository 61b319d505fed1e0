import { existsSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { openStepOutput } from './step-output.ts';

it.skipIf(!existsSync('/dev/full'))('tells of a full disk at its end, and of none before', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const output = await openStepOutput({ container: 'c', stdoutPath: '/out' }, () => '/dev/full');
  output.write('stdout', Buffer.from('text'));
  for (let turn = 0; turn < 200; turn++) await setImmediate();
  await expect(output.close()).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(unhandled).toEqual([]);
});
