import { PassThrough } from 'node:stream';

/** A connection to an engine that carries a container's streams both ways. */
export interface EngineStream extends NodeJS.ReadWriteStream {
  destroy(error?: Error): void;
}

interface Demultiplexer {
  demuxStream(
    stream: NodeJS.ReadableStream,
    stdout: NodeJS.WritableStream,
    stderr: NodeJS.WritableStream,
  ): void;
}

/** Takes an engine's stream apart: with a terminal it is one, else each piece says whose it is. */
export function splitStream(
  stream: EngineStream,
  modem: Demultiplexer,
  tty: boolean,
): { stdout: PassThrough; stderr: PassThrough } {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const end = () => {
    stdout.end();
    stderr.end();
  };
  if (tty) stream.pipe(stdout, { end: false });
  else modem.demuxStream(stream, stdout, stderr);
  stream.on('end', end);
  stream.on('close', end);
  stream.on('error', end);
  // Who reads slowly makes the engine wait: its pieces are taken apart without a look at that.
  const pause = () => {
    if (stdout.writableNeedDrain || stderr.writableNeedDrain) stream.pause();
  };
  const resume = () => {
    if (!stdout.writableNeedDrain && !stderr.writableNeedDrain) stream.resume();
  };
  stream.on('data', pause);
  stdout.on('drain', resume);
  stderr.on('drain', resume);
  return { stdout, stderr };
}

/** Writes to a stream, and waits where it is slow. */
export function writeTo(stream: NodeJS.WritableStream, data: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (!stream.writable) return resolve();
    stream.write(data, () => resolve());
  });
}
