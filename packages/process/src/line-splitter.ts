/** Longer ones are passed on in pieces. */
const longestLine = 64 * 1024;

/**
 * Makes lines of output that comes in pieces, cut wherever the writer or the pipe did. A line ends with a line feed, or
 * with a carriage return, as progress bars write.
 */
export class LineSplitter {
  readonly #line: (text: string) => void;
  readonly #decoder = new TextDecoder();
  #rest = '';

  constructor(line: (text: string) => void) {
    this.#line = line;
  }

  push(data: Uint8Array): void {
    this.#take(this.#decoder.decode(data, { stream: true }));
  }

  /** Passes on what was not ended. */
  end(): void {
    this.#take(this.#decoder.decode());
    const rest = this.#rest.replace(/\r$/, '');
    this.#rest = '';
    if (rest !== '') this.#line(rest);
  }

  #take(text: string): void {
    const all = this.#rest + text;
    // A carriage return at the end may be one half of a line's end.
    const held = all.endsWith('\r') ? '\r' : '';
    const lines = all.slice(0, all.length - held.length).split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? '') + held;
    for (const line of lines) this.#line(line);
    while (this.#rest.length > longestLine) {
      this.#line(this.#rest.slice(0, longestLine));
      this.#rest = this.#rest.slice(longestLine);
    }
  }
}
