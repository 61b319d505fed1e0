import type { ExecSession } from '@tagboat/api';
import { describeError, TagboatError } from '@tagboat/base';
import { statusOf } from '../status.ts';

/** The client's side of a command: what it sends, and where its output goes. */
export interface RemoteStreams {
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  readonly stdout: ((bytes: Uint8Array) => Promise<void>) | undefined;
  readonly stderr: ((bytes: Uint8Array) => Promise<void>) | undefined;
  /** The one Status at the end. */
  readonly finish: (status: object) => Promise<void>;
  /** Texts such as {"Width":80,"Height":24}. */
  readonly resize: AsyncIterable<Uint8Array> | undefined;
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal;
}

/** Connects a session with its client until the command has ended or the client is gone. */
export async function runRemote(open: () => Promise<ExecSession>, streams: RemoteStreams): Promise<void> {
  try {
    await using session = await open();
    const end = () => session[Symbol.asyncDispose]();
    streams.gone.addEventListener('abort', () => void end().then(undefined, goneMeanwhile), { once: true });
    if (streams.gone.aborted) return;
    void feed(session, streams);
    void resizeAll(session, streams);
    await Promise.all([pump(session.stdout, streams.stdout), pump(session.stderr, streams.stderr)]);
    const code = await session.exitCode;
    await streams.finish(code === 0 ? { metadata: {}, status: 'Success' } : exitStatus(code));
  } catch (error) {
    if (!streams.gone.aborted) await streams.finish(statusOf(error)).catch(goneMeanwhile);
  }
}

/** Who went away while it was told cannot be told. */
const goneMeanwhile = (): void => undefined;

/** How remotecommand clients learn the exit code (client-go `remotecommand/v4.go`). */
const exitStatus = (code: number) => ({
  metadata: {},
  status: 'Failure',
  reason: 'NonZeroExitCode',
  message: `command terminated with non-zero exit code: exit status ${code}`,
  details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
});

async function pump(
  from: AsyncIterable<Uint8Array>,
  to: ((bytes: Uint8Array) => Promise<void>) | undefined,
): Promise<void> {
  for await (const bytes of from) await to?.(bytes);
}

async function feed(session: ExecSession, { stdin }: RemoteStreams): Promise<void> {
  if (!stdin) return;
  try {
    for await (const bytes of stdin) await session.write(bytes);
  } catch {
    // The command no longer reads: its exit code says the rest.
    return;
  }
  session.endInput();
}

async function resizeAll(session: ExecSession, { resize }: RemoteStreams): Promise<void> {
  if (!resize) return;
  let text = '';
  for await (const bytes of resize) {
    text += Buffer.from(bytes).toString('utf8');
    for (const size of text.match(/\{[^}]*\}/g) ?? []) {
      const { Width, Height } = readSize(size);
      if (isSize(Width) && isSize(Height)) resized(session, { columns: Width, rows: Height });
    }
    text = text.slice(text.lastIndexOf('}') + 1).slice(0, 200);
  }
}

/** What a terminal can have (`struct winsize` holds 16 bits). */
const isSize = (number: number) => Number.isInteger(number) && number > 0 && number < 2 ** 16;

function resized(session: ExecSession, size: { columns: number; rows: number }): void {
  try {
    session.resize(size);
  } catch {
    // The command has ended: its exit code says the rest.
  }
}

function readSize(text: string): { Width: number; Height: number } {
  try {
    const { Width, Height } = JSON.parse(text) as Record<string, unknown>;
    return { Width: Number(Width) || 0, Height: Number(Height) || 0 };
  } catch {
    return { Width: 0, Height: 0 };
  }
}

/** The one line that a person sees where no Status can be sent. */
export const failureText = (error: unknown) =>
  error instanceof TagboatError ? describeError(error) : 'an internal error; see the log';
