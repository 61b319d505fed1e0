import { constants } from 'node:buffer';
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { largeContent, streamPieces } from './large-message.ts';

/** A Jupyter message (jupyter_client, "Messaging in Jupyter", protocol 5.3). */
export interface Message {
  readonly header: { readonly msg_id: string; readonly msg_type: string; readonly [field: string]: unknown };
  readonly parent: { readonly msg_id?: string; readonly [field: string]: unknown };
  readonly content: Record<string, unknown>;
  /** Binary parts, as widgets send them. */
  readonly buffers: readonly Uint8Array[];
}

const delimiter = '<IDS|MSG>';

/** Frames of one message, signed. */
export function encode(
  message: { type: string; content: object; session: string; parent?: object },
  key: string,
): { id: string; frames: Buffer[] } {
  const id = randomUUID();
  const header = {
    msg_id: id,
    session: message.session,
    username: 'tagboat',
    date: new Date().toISOString(),
    msg_type: message.type,
    version: '5.3',
  };
  const parts = [header, message.parent ?? {}, {}, message.content].map((part) =>
    Buffer.from(JSON.stringify(part)),
  );
  return { id, frames: [Buffer.from(delimiter), Buffer.from(sign(parts, key)), ...parts] };
}

/**
 * The message that the frames hold; a stream's with a large text is given in pieces, as messages of their own.
 * @returns none where the frames are no message signed with the key
 */
export function decode(frames: readonly Buffer[], key: string): Iterable<Message> {
  const start = frames.findIndex((frame) => frame.toString('latin1', 0, 20) === delimiter);
  const parts = frames.slice(start + 2, start + 6);
  if (start < 0 || parts.length < 4) return [];
  const expected = Buffer.from(sign(parts, key));
  const found = frames[start + 1]!;
  if (expected.length !== found.length || !timingSafeEqual(expected, found)) return [];
  const [header, parent] = [parsed(parts[0]!), parsed(parts[1]!)];
  if (!header || !parent) return [];
  const message = { header, parent, buffers: frames.slice(start + 6) } as unknown as Omit<Message, 'content'>;
  const content = parts[3]!;
  if (content.length < largeContent) return [withContent(message, content)];
  return largeMessages(message, content);
}

function* largeMessages(message: Omit<Message, 'content'>, content: Buffer): Generator<Message> {
  const pieces = message.header.msg_type === 'stream' ? streamPieces(content) : undefined;
  if (pieces) for (const piece of pieces) yield { ...message, content: piece };
  else if (content.length < constants.MAX_STRING_LENGTH) yield withContent(message, content);
  else {
    yield note(message, `of ${Math.round(content.length / 1e6)} MB, which is too large to be kept`);
  }
}

/** Of what cannot be read a note is shown; a reply is one of an error, so that nobody waits for it for ever. */
function withContent(message: Omit<Message, 'content'>, part: Buffer): Message {
  const content = parsed(part);
  if (content) return { ...message, content };
  if (!message.header.msg_type.endsWith('_reply')) return note(message, 'that is no JSON');
  const evalue = `the kernel sent a ${message.header.msg_type} that is no JSON`;
  return { ...message, content: { status: 'error', ename: 'MalformedMessage', evalue, traceback: [] } };
}

const note = (message: Omit<Message, 'content'>, what: string): Message => ({
  ...message,
  header: { ...message.header, msg_type: 'stream' },
  content: { name: 'stderr', text: `[the kernel sent a ${message.header.msg_type} ${what}]\n` },
});

/** The object of a part; NaN and the infinities, which some kernels send, are null. Undefined for what is none. */
function parsed(part: Buffer): Record<string, unknown> | undefined {
  const text = part.toString('utf8');
  for (const read of [() => text, () => withoutNumbersOfPython(text)])
    try {
      const value: unknown = JSON.parse(read());
      return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : undefined;
    } catch {
      // The second way may read it.
    }
  return undefined;
}

const withoutNumbersOfPython = (text: string) =>
  text.replace(/"(?:\\.|[^"\\])*"|-?Infinity|NaN/g, (found) => (found.startsWith('"') ? found : 'null'));

function sign(parts: readonly Buffer[], key: string): string {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest('hex');
}
