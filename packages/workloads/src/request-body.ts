import type { IncomingMessage } from 'node:http';

/** Bodies up to this size are kept until the answer begins, so that a request can go to another pod. */
const replayable = 1 << 20;

/** A request's body, kept while it is small so that it can be sent a second time. */
export class RequestBody {
  readonly #request: IncomingMessage;
  readonly #kept: Buffer[] = [];
  #size = 0;
  #ended = false;
  #started = false;

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  get size(): number {
    return this.#size;
  }

  /** At most `length` bytes of what is kept, as text. */
  beginning(length: number): string {
    return Buffer.concat(this.#kept).subarray(0, length).toString('utf8');
  }

  get replayable(): boolean {
    return this.#size <= replayable;
  }

  sendTo(upstream: NodeJS.WritableStream): void {
    for (const part of this.#kept) upstream.write(part);
    if (this.#ended) {
      upstream.end();
      return;
    }
    if (!this.#started) {
      this.#started = true;
      this.#request.on('data', (part: Buffer) => {
        this.#size += part.length;
        if (this.replayable) this.#kept.push(part);
        else this.#kept.length = 0;
      });
      this.#request.on('end', () => {
        this.#ended = true;
      });
    } else this.#request.unpipe();
    this.#request.pipe(upstream);
  }
}
