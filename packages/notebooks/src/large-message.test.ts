import { expect, it } from 'vitest';
import { largeContent, streamPieces } from './large-message.ts';
import { decode, encode } from './wire.ts';

it('cuts a stream anywhere but within a character or an escape', () => {
  const text = 'a\\\\\\b"\n\u0001\u0002é€😀\\\\"\t\u001f/ü\\n\\u0041 end'.repeat(3);
  const content = Buffer.from(JSON.stringify({ name: 'stderr', text }).replace('{"name":"', '{"name": "'));
  for (let size = 8; size < content.length + 10; size++) {
    const pieces = [...streamPieces(content, size)!];
    expect(pieces.map((piece) => piece.text).join(''), `pieces of ${size}`).toBe(text);
    expect(pieces.every(({ name }) => name === 'stderr')).toBe(true);
  }
  expect(streamPieces(Buffer.from('{"data": {"text/plain": "x"}}'))).toBeUndefined();
});

it('gives a large stream as several messages, with the header and parent of the one', () => {
  const text = 'x'.repeat(largeContent);
  const sent = { type: 'stream', content: { name: 'stdout', text }, session: 's', parent: { msg_id: 'p' } };
  const messages = [...decode(encode(sent, 'key').frames, 'key')];
  expect(messages.length).toBeGreaterThan(1);
  expect(messages.every(({ parent }) => parent.msg_id === 'p')).toBe(true);
  expect(messages.reduce((sum, { content }) => sum + String(content.text).length, 0)).toBe(text.length);
});
