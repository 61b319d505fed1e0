import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';

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

/** @returns undefined where the frames are no message signed with the key */
export function decode(frames: readonly Buffer[], key: string): Message | undefined {
  const start = frames.findIndex((frame) => frame.toString('latin1') === delimiter);
  const parts = frames.slice(start + 2, start + 6);
  if (start < 0 || parts.length < 4) return undefined;
  const expected = Buffer.from(sign(parts, key));
  const found = frames[start + 1]!;
  if (expected.length !== found.length || !timingSafeEqual(expected, found)) return undefined;
  const [header, parent, , content] = parts.map(
    (part) => JSON.parse(part.toString('utf8')) as Record<string, unknown>,
  );
  return { header, parent, content, buffers: frames.slice(start + 6) } as unknown as Message;
}

function sign(parts: readonly Buffer[], key: string): string {
  const hmac = createHmac('sha256', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest('hex');
}
