import { TagboatError } from '@tagboat/base';

/**
 * The text messages of a WebSocket, in order. Resolves once it is open; the messages end when the signal aborts.
 * @throws `Unavailable` when it cannot be opened, or closes by itself
 */
export async function socketMessages(
  url: string,
  signal: AbortSignal | undefined,
): Promise<AsyncGenerator<string>> {
  const socket = new WebSocket(url);
  const inbox = new Inbox();
  socket.addEventListener('message', ({ data }) => inbox.add(String(data)));
  socket.addEventListener('close', () => inbox.close());
  const stop = () => socket.close();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  await opened(socket);
  return messages(inbox, socket, signal);
}

async function* messages(
  inbox: Inbox,
  socket: WebSocket,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  try {
    for (;;) {
      const waiting = inbox.take();
      yield* waiting;
      if (signal?.aborted) return;
      if (waiting.length > 0) continue;
      if (inbox.closed) throw lost();
      await inbox.change();
    }
  } finally {
    socket.close();
  }
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('close', () => reject(lost()), { once: true });
  });
}

const lost = () => new TagboatError('the connection to Tagboat was lost', { reason: 'Unavailable' });

/** Messages that wait to be read, and whoever waits for them. */
class Inbox {
  closed = false;
  #waiting: string[] = [];
  #wake: (() => void) | undefined;

  add(message: string): void {
    this.#waiting.push(message);
    this.#wake?.();
  }

  close(): void {
    this.closed = true;
    this.#wake?.();
  }

  take(): string[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
