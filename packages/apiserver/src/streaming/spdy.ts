import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';
import { ByteQueue } from './byte-queue.ts';
import { spdyDictionary } from './spdy-dictionary.ts';

/** What carries the frames: a socket, or the messages of a WebSocket. */
export interface SpdyTransport {
  write(bytes: Buffer): Promise<void>;
  /** Asks the sender to wait, or to go on. */
  hold(full: boolean): void;
  close(): void;
}

const version = 3;
const frame = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
} as const;
const fin = 1;
/** A frame, and a connection's streams, are bounded: the sender is not trusted. */
const longestFrame = 2 ** 20;
const mostStreams = 1000;
const largestHeaders = 64 * 1024;

/** One stream that the client opened. */
export class SpdyStream {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly input: ByteQueue;
  readonly #connection: SpdyConnection;
  #ended = false;

  constructor(connection: SpdyConnection, id: number, headers: ReadonlyMap<string, string>) {
    this.#connection = connection;
    this.id = id;
    this.headers = headers;
    this.input = new ByteQueue((full) => connection.hold(full));
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#ended; at += 2 ** 16)
      await this.#connection.sendData(this.id, bytes.subarray(at, at + 2 ** 16), 0);
  }

  /** Nothing more is sent. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#connection.sendData(this.id, new Uint8Array(), fin);
  }
}

/**
 * The server's side of SPDY/3.1 framing, as far as Kubernetes' streaming uses it: streams that the client opens, data in
 * both directions, pings. There is no flow control: Kubernetes' own implementation (moby/spdystream) has none.
 */
export class SpdyConnection {
  readonly #transport: SpdyTransport;
  readonly #opened: (stream: SpdyStream) => void;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #inflate: Inflate = createInflate({
    dictionary: spdyDictionary,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  readonly #deflate: Deflate = createDeflate({ dictionary: spdyDictionary });
  #rest: Buffer = Buffer.alloc(0);
  #work: Promise<void> = Promise.resolve();
  #held = 0;
  #closed = false;

  constructor(transport: SpdyTransport, opened: (stream: SpdyStream) => void) {
    this.#transport = transport;
    this.#opened = opened;
    for (const codec of [this.#inflate, this.#deflate]) codec.on('error', () => this.close());
  }

  /** Bytes from the client. Frames are handled in order; headers are decompressed in between. */
  receive(bytes: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    while (this.#rest.length >= 8 && !this.#closed) {
      const length = this.#rest.readUInt32BE(4) & 0xffffff;
      if (length > longestFrame) {
        this.close();
        return;
      }
      if (this.#rest.length < 8 + length) return;
      const head = this.#rest.subarray(0, 8);
      const body = this.#rest.subarray(8, 8 + length);
      this.#rest = this.#rest.subarray(8 + length);
      this.#work = this.#work.then(() => this.#handle(head, body)).catch(() => this.close());
    }
  }

  hold(full: boolean): void {
    this.#held += full ? 1 : -1;
    this.#transport.hold(this.#held > 0);
  }

  sendData(id: number, bytes: Uint8Array, flags: number): Promise<void> {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(id, 0);
    head.writeUInt32BE(bytes.length, 4);
    head[4] = flags;
    return this.#send(Buffer.concat([head, bytes]));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams.values()) stream.input.end();
    this.#streams.clear();
    this.#inflate.close();
    this.#deflate.close();
    this.#transport.close();
  }

  async #handle(head: Buffer, body: Buffer): Promise<void> {
    if (this.#closed) return;
    const flags = head[4]!;
    if ((head[0]! & 0x80) === 0) {
      const stream = this.#streams.get(head.readUInt32BE(0));
      stream?.input.push(Buffer.from(body));
      if (flags & fin) stream?.input.end();
      return;
    }
    await this.#control(head.readUInt16BE(2), flags, body);
  }

  async #control(type: number, flags: number, body: Buffer): Promise<void> {
    switch (type) {
      case frame.synStream:
        return this.#open(flags, body);
      case frame.headers:
        // Its block takes part in the compression, whatever it says.
        await this.#headers(body.subarray(4));
        return;
      case frame.rstStream: {
        const id = body.readUInt32BE(0);
        this.#streams.get(id)?.input.end();
        this.#streams.delete(id);
        return;
      }
      case frame.ping:
        // Those of the client have odd numbers and want an answer.
        if (body.readUInt32BE(0) % 2 === 1) await this.#sendControl(frame.ping, body);
        return;
      case frame.goAway:
        this.close();
        return;
      default:
    }
  }

  async #open(flags: number, body: Buffer): Promise<void> {
    const id = body.readUInt32BE(0) & 0x7fffffff;
    const headers = await this.#headers(body.subarray(10));
    if (this.#streams.size >= mostStreams) {
      const refused = Buffer.alloc(8);
      refused.writeUInt32BE(id, 0);
      refused.writeUInt32BE(3, 4);
      return this.#sendControl(frame.rstStream, refused);
    }
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    if (flags & fin) stream.input.end();
    const head = Buffer.alloc(4);
    head.writeUInt32BE(id);
    await this.#sendControl(frame.synReply, Buffer.concat([head, await this.#compressed()]));
    this.#opened(stream);
  }

  async #headers(block: Buffer): Promise<Map<string, string>> {
    const bytes = await through(this.#inflate, block);
    const headers = new Map<string, string>();
    let at = 4;
    const text = () => {
      const length = bytes.readUInt32BE(at);
      at += 4 + length;
      return bytes.toString('utf8', at - length, at);
    };
    for (let left = bytes.readUInt32BE(0); left > 0; left--) headers.set(text().toLowerCase(), text());
    return headers;
  }

  /** No headers, compressed: a reply needs none. */
  #compressed(): Promise<Buffer> {
    return through(this.#deflate, Buffer.alloc(4));
  }

  #sendControl(type: number, body: Buffer): Promise<void> {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x8000 | version, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt32BE(body.length, 4);
    return this.#send(Buffer.concat([head, body]));
  }

  async #send(bytes: Buffer): Promise<void> {
    if (!this.#closed) await this.#transport.write(bytes);
  }
}

/** What a codec makes of a piece, flushed; the codec goes on with the next one. */
function through(codec: Inflate | Deflate, piece: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const made: Buffer[] = [];
    let size = 0;
    const take = (bytes: Buffer) => {
      made.push(bytes);
      size += bytes.length;
      if (size > largestHeaders) done(new RangeError('headers are too large'));
    };
    const done = (error?: Error | null) => {
      codec.off('data', take);
      codec.off('error', done);
      if (error) reject(error);
      else resolve(Buffer.concat(made));
    };
    codec.on('data', take);
    codec.once('error', done);
    codec.write(piece, (error) => (error ? done(error) : codec.flush(constants.Z_SYNC_FLUSH, () => done())));
  });
}
