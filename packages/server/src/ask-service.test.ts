import { expect, test } from 'vitest';
import { textOf } from './ask-service.ts';

test('an answer is read whole, and one that is too long only so far', async () => {
  expect(await textOf(new Response('čau'), 10)).toBe('čau');
  expect(await textOf(new Response(null), 10)).toBe('');
  let sent = 0;
  const endless = new ReadableStream({
    pull(controller) {
      sent++;
      controller.enqueue(new Uint8Array(1000));
    },
  });
  await expect(textOf(new Response(endless), 10_000)).rejects.toMatchObject({ reason: 'TooLarge' });
  expect(sent).toBeLessThan(20);
});

test('one that breaks off is said to have', async () => {
  const broken = new ReadableStream({ start: (controller) => controller.error(new Error('reset')) });
  await expect(textOf(new Response(broken), 10)).rejects.toThrow('broke off');
});
