/** Contents from this size (bytes) on are not parsed whole: Node's strings end at half a gigabyte. */
export const largeContent = 32 * 2 ** 20;

/** What is parsed at once of a large text, in bytes. */
const pieceSize = 8 * 2 ** 20;

const streamStart = /^\s*\{\s*"name"\s*:\s*"(stdout|stderr)"\s*,\s*"text"\s*:\s*"/;

/**
 * The content of a `stream` message cut into pieces, each a content of its own: a kernel sends everything that was printed
 * within a fifth of a second at once, which may be gigabytes.
 * @param size of a piece, in bytes
 * @returns undefined where this is not what a stream's content looks like
 */
export function streamPieces(
  content: Buffer,
  size = pieceSize,
): Iterable<Record<string, unknown>> | undefined {
  const start = streamStart.exec(content.subarray(0, 200).toString('latin1'));
  const end = content.lastIndexOf('"');
  if (!start || end < start[0].length) return undefined;
  return pieces(content.subarray(start[0].length, end), start[1]!, size);
}

function* pieces(text: Buffer, name: string, size: number): Generator<Record<string, unknown>> {
  for (let from = 0; from < text.length; ) {
    const to = from + size >= text.length ? text.length : safeEnd(text, from + size);
    yield { name, text: JSON.parse(`"${text.toString('utf8', from, to)}"`) as string };
    from = to;
  }
}

/** The last place up to `end` where a JSON string can be cut: within no character and within no escape. */
function safeEnd(text: Buffer, end: number): number {
  let at = end;
  while ((text[at]! & 0b1100_0000) === 0b1000_0000) at--;
  const backslash = text.lastIndexOf('\\', at - 1);
  if (backslash < at - 6) return at;
  let first = backslash;
  while (text[first - 1] === 0x5c) first--;
  const escapes = (backslash - first) % 2 === 0;
  const length = text[backslash + 1] === 0x75 ? 6 : 2;
  return escapes && backslash + length > at ? backslash : at;
}
