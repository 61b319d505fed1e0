import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { decode } from './wire.ts';

const key = 'k';
const frames = (type: string, content: string, header = JSON.stringify({ msg_id: '1', msg_type: type })) => {
  const parts = [header, '{"msg_id": "0"}', '{}', content].map((part) => Buffer.from(part));
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return [Buffer.from('<IDS|MSG>'), Buffer.from(hmac.digest('hex')), ...parts];
};
const read = (...given: Parameters<typeof frames>) => [...decode(frames(...given), key)];

it('reads numbers that JSON has no words for as null, and leaves texts alone', () => {
  const content = '{"a": NaN, "b": [-Infinity, 1], "c": "NaN \\"Infinity"}';
  expect(read('display_data', content)[0]?.content).toEqual({ a: null, b: [null, 1], c: 'NaN "Infinity' });
});

it('shows that something cannot be read, and fails a reply that cannot', () => {
  expect(read('display_data', '{"a": ')[0]).toMatchObject({
    header: { msg_type: 'stream' },
    content: { name: 'stderr', text: '[the kernel sent a display_data that is no JSON]\n' },
  });
  expect(read('execute_reply', 'nothing')[0]).toMatchObject({
    header: { msg_type: 'execute_reply' },
    content: { status: 'error', ename: 'MalformedMessage' },
  });
  expect(read('status', '{}', 'no header')).toEqual([]);
});
