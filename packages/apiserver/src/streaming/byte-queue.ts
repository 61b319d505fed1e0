/** When this many bytes wait, the sender is asked to hold on. */
const highWater = 2 ** 20;

/** Bytes that arrive at their own pace and are read at another; tells the sender when to wait. */
export class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #hold: (full: boolean) => void;
  #waiting: Uint8Array[] = [];
  #size = 0;
  #ended = false;
  #full = false;
  #wake: (() => void) | undefined;

  constructor(hold: (full: boolean) => void = () => undefined) {
    this.#hold = hold;
  }

  push(bytes: Uint8Array): void {
    if (this.#ended || bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#size += bytes.length;
    this.#tell(this.#size > highWater);
    this.#wake?.();
  }

  /** No more comes; what waits can still be read. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    try {
      for (;;) {
        const next = this.#waiting.shift();
        if (next) {
          this.#size -= next.length;
          this.#tell(this.#size > highWater / 2 && this.#full);
          yield next;
        } else if (this.#ended) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.#ended = true;
      this.#waiting = [];
      this.#tell(false);
    }
  }

  #tell(full: boolean): void {
    if (full === this.#full) return;
    this.#full = full;
    this.#hold(full);
  }
}
